// Who hears, thinks and speaks, in the order in which they are asked; the JSON below has the same.

import { ActionIcon, Button, Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useId, useRef, useState } from 'react';
import { Link } from 'react-router';
import type { ProviderAccount, Vendor } from '../../server';
import {
  AddIcon,
  CloseIcon,
  DownIcon,
  PlayIcon,
  Problem,
  Said,
  Sound,
  tryAccount,
  UpIcon,
  useAllAccounts,
  useVendors,
  useVoices,
} from '../../shell';
import { ms } from '../../words';
import { problemsAt, textAt } from './definition';
import { useEditing } from './fields';
import {
  ABILITIES,
  type Ability,
  type Binding,
  BUILT_IN,
  binding,
  moved,
  orderAt,
  orderOf,
  withOrder,
} from './order';

const SAYS: Record<Ability, { title: string; empty: string }> = {
  stt: { title: 'Hears', empty: 'The built-in models hear.' },
  llm: {
    title: 'Thinks',
    empty: 'Nodes that think use the accounts that can, in the order in which they were made.',
  },
  tts: { title: 'Speaks', empty: 'The built-in voice speaks.' },
};

interface Known {
  accounts: ProviderAccount[];
  vendors: Vendor[];
}

const canDo = ({ accounts, vendors }: Known, ability: Ability): ProviderAccount[] =>
  accounts.filter((account) =>
    vendors.find(({ vendor }) => vendor === account.vendor)?.abilities.some((one) => one === ability),
  );

export function ProvidersForm() {
  const accounts = useAllAccounts();
  const vendors = useVendors();
  const known: Known = { accounts: accounts.data?.data ?? [], vendors: vendors.data?.data ?? [] };
  return (
    <section className="card stack" aria-labelledby="providers">
      <div>
        <h2 id="providers">Who hears, thinks and speaks</h2>
        <p className="quiet">
          The first that works serves; where it fails or is slow the next one does, within the call.{' '}
          <Link to="/settings/providers">Accounts at vendors</Link>
        </p>
      </div>
      {accounts.isError && <Problem small error={accounts.error} again={() => void accounts.refetch()} />}
      {vendors.isError && <Problem small error={vendors.error} again={() => void vendors.refetch()} />}
      {ABILITIES.map((ability) => (
        <Order key={ability} ability={ability} known={known} />
      ))}
    </section>
  );
}

function Order({ ability, known }: { ability: Ability; known: Known }) {
  const { definition, edit } = useEditing();
  const order = orderOf(definition, ability);
  const [dragged, drag] = useState<number | null>(null);
  const [over, setOver] = useState<number | null>(null);
  const [said, say] = useState('');
  const list = useRef<HTMLOListElement>(null);
  const put = (next: readonly Binding[]) => edit((whole) => withOrder(whole, ability, next));
  const offered = [
    ...canDo(known, ability).map(({ name }) => name),
    ...(ability === 'llm' ? [] : [BUILT_IN]),
  ];
  if (!order) {
    return (
      <div data-pointer={orderAt(ability)}>
        <h3>{SAYS[ability].title}</h3>
        <p className="small warned">
          What is written there is no list of providers: mend it in the JSON below.
        </p>
      </div>
    );
  }
  const move = (from: number, to: number) => {
    put(moved(order, from, to));
    say(`${order[from]?.provider} is now number ${to + 1} of ${order.length}`);
    // The button that was pressed has moved with its row; at an end it cannot be pressed again.
    requestAnimationFrame(() => {
      const row = list.current?.children[to];
      const buttons = row?.querySelectorAll<HTMLButtonElement>('[data-move]:not(:disabled)');
      const same = [...(buttons ?? [])].find((one) => one.dataset.move === (to < from ? 'up' : 'down'));
      (same ?? buttons?.[0])?.focus();
    });
  };
  const drop = (to: number) => {
    if (dragged !== null && dragged !== to) move(dragged, to);
    drag(null);
    setOver(null);
  };
  return (
    <div className="stack tight" data-pointer={orderAt(ability)} data-testid={`order-${ability}`}>
      <h3>{SAYS[ability].title}</h3>
      <p className="hidden" role="status">
        {said}
      </p>
      {order.length === 0 && <p className="quiet small">{SAYS[ability].empty}</p>}
      <ol className="order" ref={list}>
        {order.map((one, place) => (
          <li
            // biome-ignore lint/suspicious/noArrayIndexKey: what stands at a place is what the place is
            key={place}
            className={over === place && dragged !== place ? 'over' : undefined}
            onDragOver={(event) => {
              if (dragged === null) return;
              event.preventDefault();
              setOver(place);
            }}
            onDrop={(event) => {
              event.preventDefault();
              drop(place);
            }}
            data-testid="binding"
          >
            <span
              className="grip"
              draggable
              title="Drag to another place"
              aria-hidden="true"
              onDragStart={(event) => {
                event.dataTransfer.effectAllowed = 'move';
                event.dataTransfer.setData('text/plain', one.provider);
                drag(place);
              }}
              onDragEnd={() => {
                drag(null);
                setOver(null);
              }}
            >
              {place + 1}
            </span>
            <Row
              ability={ability}
              place={place}
              last={place === order.length - 1}
              one={one}
              offered={offered}
              known={known}
              change={(next) =>
                put(order.map((other, index) => (index === place ? { ...other, ...next } : other)))
              }
              move={(to) => move(place, to)}
              remove={() => put(order.filter((_, index) => index !== place))}
            />
          </li>
        ))}
      </ol>
      <div>
        <Button
          variant="subtle"
          leftSection={<AddIcon />}
          disabled={offered.length === 0}
          onClick={() => {
            const unused = offered.find((name) => !order.some(({ provider }) => provider === name));
            put([...order, binding(unused ?? offered[0] ?? BUILT_IN)]);
          }}
          data-testid={`add-${ability}`}
        >
          {order.length === 0 ? 'Choose who does' : 'Add a fallback'}
        </Button>
        {offered.length === 0 && <span className="quiet small"> An account that can is needed first.</span>}
      </div>
    </div>
  );
}

function Row({
  ability,
  place,
  last,
  one,
  offered,
  known,
  change,
  move,
  remove,
}: {
  ability: Ability;
  place: number;
  last: boolean;
  one: Binding;
  offered: string[];
  known: Known;
  change: (next: Partial<Binding>) => void;
  move: (to: number) => void;
  remove: () => void;
}) {
  const { problems } = useEditing();
  const found = problemsAt(problems, `${orderAt(ability)}/${place}`);
  const said = (severity: 'error' | 'warning') => {
    const text = found
      .filter((problem) => (problem.severity === 'warning') === (severity === 'warning'))
      .map((problem) => problem.detail)
      .join(' ');
    return text && <Said text={text} />;
  };
  const account = known.accounts.find(({ name }) => name === one.provider);
  const vendor = known.vendors.find((about) => about.vendor === account?.vendor);
  const named = `${SAYS[ability].title}, ${place + 1}`;
  const choices = offered.includes(one.provider) ? offered : [one.provider, ...offered];
  const model = { stt: 'stt_model', llm: 'llm_model', tts: 'tts_model' }[ability] as 'stt_model';
  return (
    <div className="binding">
      <div className="fields" data-pointer={`${orderAt(ability)}/${place}/provider`}>
        <NativeSelect
          label="Account"
          aria-label={`${named}: account`}
          value={one.provider}
          onChange={(event) => change({ provider: event.currentTarget.value, model: '', voice: '' })}
          data={choices.map((name) => ({
            value: name,
            label: name === BUILT_IN ? 'Built in' : name || 'nobody named',
          }))}
          error={said('error') || undefined}
          data-testid="binding-provider"
        />
        {one.provider !== BUILT_IN && (
          <TextInput
            label="Model"
            aria-label={`${named}: model`}
            placeholder={account?.options[model] || vendor?.[model] || 'model of the account'}
            value={one.model}
            onChange={(event) => change({ model: event.currentTarget.value })}
            data-testid="binding-model"
          />
        )}
        {ability === 'tts' && account && (
          <Voice account={account} vendor={vendor} named={named} place={place} one={one} change={change} />
        )}
      </div>
      {said('warning') && <p className="small warned">{said('warning')}</p>}
      <div className="row">
        {ability !== 'stt' && (
          <Checkbox
            label="Cheap: first while answers are too slow"
            size="xs"
            checked={one.cheap}
            onChange={(event) => change({ cheap: event.currentTarget.checked })}
          />
        )}
        <span className="row order-acts">
          <ActionIcon
            aria-label={`${named}: earlier`}
            title="Earlier"
            disabled={place === 0}
            onClick={() => move(place - 1)}
            data-move="up"
          >
            <UpIcon />
          </ActionIcon>
          <ActionIcon
            aria-label={`${named}: later`}
            title="Later"
            disabled={last}
            onClick={() => move(place + 1)}
            data-move="down"
          >
            <DownIcon />
          </ActionIcon>
          <ActionIcon aria-label={`${named}: remove`} title="Remove" onClick={remove}>
            <CloseIcon />
          </ActionIcon>
        </span>
      </div>
      {account && (
        <Test
          key={`${account.id} ${one.model} ${one.voice}`}
          ability={ability}
          account={account}
          one={one}
          place={place}
        />
      )}
    </div>
  );
}

/** The vendor's voices are asked for when the field is entered; what is written need not be one of them. */
function Voice({
  account,
  vendor,
  named,
  place,
  one,
  change,
}: {
  account: ProviderAccount;
  vendor: Vendor | undefined;
  named: string;
  place: number;
  one: Binding;
  change: (next: Partial<Binding>) => void;
}) {
  const { definition } = useEditing();
  const [wanted, want] = useState(false);
  const voices = useVoices(account.id, wanted);
  const list = useId();
  const own = account.options.voice || vendor?.voice || 'voice of the account';
  const chosen = voices.data?.data.find(({ id }) => id === one.voice);
  return (
    <div>
      <TextInput
        label="Voice"
        aria-label={`${named}: voice`}
        placeholder={(place === 0 && textAt(definition, '/voice/name')) || own}
        value={one.voice}
        list={list}
        onFocus={() => want(true)}
        onChange={(event) => change({ voice: event.currentTarget.value })}
        data-testid="binding-voice"
      />
      <datalist id={list}>
        {voices.data?.data.map(({ id, name, language }) => (
          <option key={id} value={id} label={language ? `${name} (${language})` : name} />
        ))}
      </datalist>
      {chosen && chosen.name !== chosen.id && (
        <span className="small quiet">
          {chosen.name}
          {chosen.language && `, ${chosen.language}`}
        </span>
      )}
      {voices.isError && (
        <span className="small warned">The vendor does not list its voices: write a name.</span>
      )}
    </div>
  );
}

/** One small, real request through our server: what answers, how fast, and how it sounds. */
function Test({
  ability,
  account,
  one,
  place,
}: {
  ability: Ability;
  account: ProviderAccount;
  one: Binding;
  place: number;
}) {
  const { definition } = useEditing();
  const trial = useMutation({ mutationFn: tryAccount });
  const voice = one.voice || (place === 0 ? textAt(definition, '/voice/name') : '');
  const run = () =>
    trial.mutate({
      id: account.id,
      ability,
      ...(one.model && { model: one.model }),
      ...(ability === 'tts' && voice && { voice }),
    });
  return (
    <div className="row test">
      <Button
        variant="subtle"
        size="compact-sm"
        leftSection={ability === 'tts' ? <PlayIcon /> : undefined}
        loading={trial.isPending}
        onClick={run}
        data-testid="test-binding"
      >
        {ability === 'tts' ? 'Listen' : 'Test this'}
      </Button>
      {trial.isError && <Problem small error={trial.error} />}
      {trial.data && !trial.data.ok && (
        <span className="small bad" role="alert" data-testid="binding-failed">
          <Said text={trial.data.detail || 'It failed.'} />{' '}
          {trial.data.code && <a href={`/docs/errors/${trial.data.code}`}>{trial.data.code}</a>}
        </span>
      )}
      {trial.data?.ok && (
        <span className="small quiet" role="status" data-testid="binding-passed">
          {trial.data.first_ms != null && `${ms(trial.data.first_ms)} to the first answer`}
          {trial.data.model && `, ${trial.data.model}`}
          {trial.data.text && `: “${trial.data.text}”`}
        </span>
      )}
      {trial.data?.audio && (
        <Sound wav={trial.data.audio} label={`How ${voice || account.name} sounds`} plays />
      )}
    </div>
  );
}
