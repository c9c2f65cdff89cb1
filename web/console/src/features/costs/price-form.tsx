import { ActionIcon, Button, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { dollars, nanoOf, unitName } from '../../money';
import type { NewPrice, Price } from '../../server';
import { AddIcon, CloseIcon, Form, notice, useFaultAt } from '../../shell';
import { timeOf } from './price-file';
import { changePrice, createPrice, useChange, useShippedPrices } from './queries';

const UNITS: NewPrice['unit'][] = [
  'input_token',
  'cached_token',
  'cache_written_token',
  'output_token',
  'audio_input_token',
  'audio_output_token',
  'character',
  'audio_in_second',
  'audio_out_second',
  'request',
];

/** In what numbers vendors charge for it. */
const perOf = (unit: NewPrice['unit']): number =>
  unit === 'request' ? 1 : unit.endsWith('_second') ? 60 : 1_000_000;

interface Typed {
  vendor: string;
  model: string;
  unit: NewPrice['unit'];
  price: string;
  per: string;
  valid_from: string;
  note: string;
  tiers: { key: number; from: string; price: string }[];
}

/** `null`: something in it is no number. */
function bodyOf(typed: Typed): NewPrice | null {
  const price = nanoOf(typed.price);
  const per = Number(typed.per);
  const tiers = typed.tiers.map((tier) => ({ from: Number(tier.from), price_nano_usd: nanoOf(tier.price) }));
  if (price === null || !Number.isInteger(per) || per < 1) return null;
  if (tiers.some((tier) => !Number.isInteger(tier.from) || tier.price_nano_usd === null)) return null;
  return {
    vendor: typed.vendor.trim(),
    model: typed.model.trim(),
    unit: typed.unit,
    price_nano_usd: price,
    per,
    tiers: tiers as { from: number; price_nano_usd: number }[],
    note: typed.note,
    ...(typed.valid_from && { valid_from: timeOf(typed.valid_from) }),
  };
}

export function PriceForm({
  price,
  given,
  close,
}: {
  /** To be changed; `null`: a new one. */
  price: Price | null;
  given: Partial<NewPrice>;
  close: () => void;
}) {
  const unit = given.unit ?? 'input_token';
  const [typed, setTyped] = useState<Typed>({
    vendor: given.vendor ?? '',
    model: given.model ?? '',
    unit,
    price: given.price_nano_usd === undefined ? '' : dollars(given.price_nano_usd),
    per: String(given.per ?? perOf(unit)),
    valid_from: given.valid_from?.startsWith('1970') ? '' : (given.valid_from?.slice(0, 10) ?? ''),
    note: given.note ?? '',
    tiers: (given.tiers ?? []).map((tier, key) => ({
      key,
      from: String(tier.from),
      price: dollars(tier.price_nano_usd),
    })),
  });
  const known = useShippedPrices();
  const vendors = [...new Set(known.data?.data.map((one) => one.vendor))];
  const body = bodyOf(typed);
  const saving = useChange((made: NewPrice) => (price ? changePrice(price, made) : createPrice(made)));
  const change = (next: Partial<Typed>) => setTyped({ ...typed, ...next });
  return (
    <Form
      error={saving.error}
      submit={() => {
        if (!body) return;
        saving.mutate(body, {
          onSuccess: () => {
            notice('The price is set');
            close();
          },
        });
      }}
      actions={
        <>
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button
            type="submit"
            disabled={!body?.vendor || !body.model}
            loading={saving.isPending}
            data-testid="save-price"
          >
            Save
          </Button>
        </>
      }
    >
      <Fields typed={typed} change={change} old={price !== null} vendors={vendors} />
      <Tiers typed={typed} change={change} />
    </Form>
  );
}

interface Part {
  typed: Typed;
  change: (next: Partial<Typed>) => void;
}

function Fields({ typed, change, old, vendors }: Part & { old: boolean; vendors: string[] }) {
  const at = useFaultAt();
  const set = (field: 'vendor' | 'model' | 'price' | 'per' | 'valid_from' | 'note') => ({
    value: typed[field],
    onChange: (event: { currentTarget: { value: string } }) => change({ [field]: event.currentTarget.value }),
  });
  const dollarsAt = at('/price_nano_usd');
  return (
    <>
      <div className="pair">
        <TextInput
          label="Vendor"
          description="As accounts name it, such as openai"
          list="price-vendors"
          disabled={old}
          required
          {...set('vendor')}
          {...at('/vendor')}
          data-testid="price-vendor"
        />
        <TextInput
          label="Model"
          description="Its name, or its beginning and *"
          disabled={old}
          required
          {...set('model')}
          {...at('/model')}
          data-testid="price-model"
        />
      </div>
      <datalist id="price-vendors">
        {vendors.map((vendor) => (
          <option key={vendor} value={vendor} />
        ))}
      </datalist>
      <div className="pair">
        <NativeSelect
          label="Charged for"
          value={typed.unit}
          {...at('/unit')}
          disabled={old}
          onChange={(event) => {
            const chosen = event.currentTarget.value as NewPrice['unit'];
            change({ unit: chosen, per: String(perOf(chosen)) });
          }}
          data={UNITS.map((value) => ({ value, label: unitName(value) }))}
          data-testid="price-unit"
        />
        <TextInput
          label="Dollars"
          placeholder="2.50"
          inputMode="decimal"
          required
          {...set('price')}
          {...dollarsAt}
          error={typed.price && nanoOf(typed.price) === null ? 'An amount such as 2.50' : dollarsAt.error}
          data-testid="price-dollars"
        />
        <TextInput
          label="For so many"
          inputMode="numeric"
          required
          {...set('per')}
          {...at('/per')}
          data-testid="price-per"
        />
      </div>
      <div className="pair">
        <TextInput
          type="date"
          label="From"
          description="UTC. Empty: for all requests from now on"
          disabled={old}
          {...set('valid_from')}
          {...at('/valid_from')}
        />
        <TextInput
          label="Note"
          placeholder="By contract, page of the vendor …"
          {...set('note')}
          {...at('/note')}
        />
      </div>
    </>
  );
}

function Tiers({ typed, change }: Part) {
  const at = useFaultAt();
  return (
    <fieldset className="stack tight tiers">
      <legend>Tiers: another price from so many {unitName(typed.unit)} of a month on</legend>
      {typed.tiers.map((tier, place) => {
        const put = (next: Partial<typeof tier>) =>
          change({ tiers: typed.tiers.map((one) => (one.key === tier.key ? { ...one, ...next } : one)) });
        return (
          <div className="row" key={tier.key}>
            <TextInput
              aria-label={`Tier ${place + 1}: from`}
              placeholder="from"
              inputMode="numeric"
              value={tier.from}
              onChange={(event) => put({ from: event.currentTarget.value })}
              {...at(`/tiers/${place}/from`)}
            />
            <TextInput
              aria-label={`Tier ${place + 1}: dollars`}
              placeholder="dollars"
              inputMode="decimal"
              value={tier.price}
              onChange={(event) => put({ price: event.currentTarget.value })}
              {...at(`/tiers/${place}/price_nano_usd`)}
            />
            <ActionIcon
              aria-label={`Remove tier ${place + 1}`}
              onClick={() => change({ tiers: typed.tiers.filter((one) => one.key !== tier.key) })}
            >
              <CloseIcon />
            </ActionIcon>
          </div>
        );
      })}
      <div>
        <Button
          variant="subtle"
          leftSection={<AddIcon />}
          onClick={() => {
            const key = Math.max(-1, ...typed.tiers.map((tier) => tier.key)) + 1;
            change({ tiers: [...typed.tiers, { key, from: '', price: '' }] });
          }}
        >
          Add a tier
        </Button>
      </div>
    </fieldset>
  );
}
