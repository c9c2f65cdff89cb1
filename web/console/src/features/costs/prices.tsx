import { Button, Modal, TextInput } from '@mantine/core';
import { useMemo, useState } from 'react';
import { useSearchParams } from 'react-router';
import { exact, perUnit } from '../../money';
import type { NewPrice, Price, ShippedPrice } from '../../server';
import { AddIcon, Confirm, Empty, Loading, Problem, Scroll } from '../../shell';
import { plural } from '../../words';
import { Import } from './import';
import { PriceForm } from './price-form';
import { removePrice, useChange, usePrices, useShippedPrices } from './queries';

/** Of many models a vendor's few are looked for. */
const MOST = 200;

type Row = { own: Price } | { shipped: ShippedPrice; overridden: boolean };
const priceOf = (row: Row): Price | ShippedPrice => ('own' in row ? row.own : row.shipped);
/** One that is to come overrides nothing yet. */
const overrides = (own: Price, shipped: ShippedPrice, now = Date.now()) =>
  own.vendor === shipped.vendor &&
  own.model === shipped.model &&
  own.unit === shipped.unit &&
  Date.parse(own.valid_from) <= now;

/** By vendor, model, unit; the newest of each first. */
function rowsOf(own: readonly Price[], shipped: readonly ShippedPrice[]): Row[] {
  const rows: Row[] = [
    ...own.map((price) => ({ own: price })),
    ...shipped.map((price) => ({ shipped: price, overridden: own.some((one) => overrides(one, price)) })),
  ];
  const key = (row: Row) => {
    const { vendor, model, unit } = priceOf(row);
    return `${vendor}\n${model}\n${unit}`;
  };
  return rows.sort(
    (a, b) =>
      key(a).localeCompare(key(b)) ||
      Number('own' in b) - Number('own' in a) ||
      priceOf(b).valid_from.localeCompare(priceOf(a).valid_from),
  );
}

type Open = { make: Partial<NewPrice> } | { change: Price } | 'import' | null;

export function Prices() {
  const [search] = useSearchParams();
  // An address that asks for a price opens the form for it, from this page, too.
  return <PriceList key={search.toString()} />;
}

function PriceList() {
  const own = usePrices();
  const shipped = useShippedPrices();
  const [search, setSearch] = useSearchParams();
  const [words, setWords] = useState('');
  const asked = search.get('model') !== null || search.get('vendor') !== null;
  const [open, setOpen] = useState<Open>(
    asked
      ? {
          make: {
            vendor: search.get('vendor') ?? '',
            model: search.get('model') ?? '',
            unit: (search.get('unit') ?? 'request') as NewPrice['unit'],
          },
        }
      : null,
  );
  const close = () => {
    setOpen(null);
    if (asked) setSearch({}, { replace: true });
  };
  const rows = useMemo(() => rowsOf(own.data ?? [], shipped.data?.data ?? []), [own.data, shipped.data]);
  if (own.isPending || shipped.isPending) return <Loading rows={6} />;
  if (own.isLoadingError) return <Problem error={own.error} again={() => void own.refetch()} />;
  if (shipped.isLoadingError) return <Problem error={shipped.error} again={() => void shipped.refetch()} />;
  const wanted = words.toLowerCase();
  const found = rows.filter((row) => {
    const { vendor, model, unit } = priceOf(row);
    return `${vendor} ${model} ${unit}`.toLowerCase().includes(wanted);
  });
  return (
    <>
      <div className="row apart">
        <TextInput
          type="search"
          aria-label="Find a price"
          placeholder="Find a vendor or model"
          value={words}
          onChange={(event) => setWords(event.currentTarget.value)}
          data-testid="find-price"
        />
        <div className="row">
          <Button variant="default" onClick={() => setOpen('import')} data-testid="import-prices">
            Import a list
          </Button>
          <Button leftSection={<AddIcon />} onClick={() => setOpen({ make: {} })} data-testid="new-price">
            New price
          </Button>
        </div>
      </div>
      <p className="quiet small">
        {plural(own.data.length, 'price')} of your own. The shipped ones were read from vendors' pages and
        nobody vouches for them: check before you rely on them. A price counts for requests from then on, not
        for those that were made.
      </p>
      {found.length === 0 ? (
        <Empty title="No price has these words">
          Look for a vendor, such as openai, or the beginning of a model.
        </Empty>
      ) : (
        <Table rows={found.slice(0, MOST)} open={setOpen} />
      )}
      {found.length > MOST && (
        <p className="quiet">
          The first {MOST} of {found.length}: look for one.
        </p>
      )}
      <Modal
        opened={open !== null && open !== 'import'}
        onClose={close}
        title={open !== null && open !== 'import' && 'change' in open ? 'Change this price' : 'New price'}
        closeButtonProps={{ 'aria-label': 'Close' }}
        size="lg"
      >
        {open !== null && open !== 'import' && (
          <PriceForm
            price={'change' in open ? open.change : null}
            given={'change' in open ? open.change : open.make}
            close={close}
          />
        )}
      </Modal>
      <Modal
        opened={open === 'import'}
        onClose={close}
        title="Import a list of prices"
        closeButtonProps={{ 'aria-label': 'Close' }}
        size="lg"
      >
        {open === 'import' && <Import close={close} />}
      </Modal>
    </>
  );
}

function Table({ rows, open }: { rows: Row[]; open: (open: Open) => void }) {
  return (
    <Scroll label="Prices">
      <table className="cards" data-testid="prices">
        <thead>
          <tr>
            <th scope="col">Vendor and model</th>
            <th scope="col">Price</th>
            <th scope="col">From</th>
            <th scope="col">Whose</th>
            <th scope="col">
              <span className="hidden">What can be done with it</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const price = priceOf(row);
            return (
              <tr
                key={`${'own' in row ? row.own.id : 'shipped'} ${price.vendor} ${price.model} ${price.unit} ${price.valid_from}`}
                data-testid="price-row"
                className={'own' in row || !row.overridden ? undefined : 'passed'}
              >
                <th scope="row">
                  <strong className="break">{price.model}</strong>
                  <div className="quiet small">{price.vendor}</div>
                </th>
                <td>
                  {exact(price.price_nano_usd)}{' '}
                  <span className="quiet">{perUnit(price.unit, price.per)}</span>
                  {price.tiers.map((tier) => (
                    <div key={tier.from} className="small quiet">
                      {exact(tier.price_nano_usd)} from {tier.from.toLocaleString('en')} in a month on
                    </div>
                  ))}
                </td>
                <td className="tight" data-label="From">
                  {day(price.valid_from)}
                </td>
                <td>
                  {'own' in row ? (
                    <span className="tag good">own</span>
                  ) : (
                    <span className="tag">{row.overridden ? 'shipped, overridden' : 'shipped'}</span>
                  )}
                  {price.note && <div className="small quiet note-of">{price.note}</div>}
                </td>
                <td className="tight">
                  {'own' in row ? (
                    <Own price={row.own} change={() => open({ change: row.own })} />
                  ) : row.overridden ? null : (
                    <Button
                      variant="subtle"
                      onClick={() => open({ make: { ...row.shipped, valid_from: '', note: '' } })}
                      aria-label={`Override ${price.model}, ${price.unit}`}
                      data-testid="override"
                    >
                      Override
                    </Button>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

/** The list's own beginning is from ever on. */
const day = (at: string): string => (at.startsWith('1970') ? 'always' : at.slice(0, 10));

function Own({ price, change }: { price: Price; change: () => void }) {
  const [asking, ask] = useState(false);
  const remove = useChange(removePrice);
  return (
    <>
      <Button variant="subtle" onClick={change} aria-label={`Change ${price.model}, ${price.unit}`}>
        Change
      </Button>
      <Button
        variant="subtle"
        color="danger"
        onClick={() => ask(true)}
        aria-label={`Remove ${price.model}, ${price.unit}`}
      >
        Remove
      </Button>
      <Confirm
        opened={asking}
        close={() => ask(false)}
        title="Remove this price?"
        does="Remove"
        act={() => remove.mutateAsync(price)}
      >
        The shipped price counts again, where there is one. What was charged stays as it is.
      </Confirm>
    </>
  );
}
