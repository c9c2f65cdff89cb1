// What callers hear first: which greetings there are, how they were heard, and the organization's calendar.

import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { times } from '../../hours';
import type { Greeting, GreetingMeasures } from '../../server';
import { AddIcon, Confirm, Empty, Loading, Page, Problem, Scroll } from '../../shell';
import { count, msOrNone } from '../../words';
import { Calendar } from './calendar';
import { share } from './form';
import { type Names, remove, useChange, useGreetings, useMeasures, useNames } from './queries';
import './greetings.css';

export default function GreetingsPage() {
  const greetings = useGreetings();
  const measures = useMeasures();
  const names = useNames();
  const make = (
    <Button component={Link} to="/greetings/new" leftSection={<AddIcon />} data-testid="new-greeting">
      New greeting
    </Button>
  );
  return (
    <Page
      title="Greetings"
      about="What callers hear first. Of those that fit a call, one is said; an agent greets in its own words where none does."
      actions={greetings.data?.length ? make : undefined}
    >
      <div className="stack loose">
        {measures.data && measures.data.total.calls > 0 && <Figures measures={measures.data} />}
        {greetings.isPending && <Loading rows={3} />}
        {greetings.isError && <Problem error={greetings.error} again={() => void greetings.refetch()} />}
        {greetings.data?.length === 0 && (
          <Empty title="Agents greet in their own words" action={make}>
            A greeting here is said instead: for all calls or some, at all times or some, in the words that
            work best.
          </Empty>
        )}
        {!!greetings.data?.length && (
          <List greetings={greetings.data} measures={measures.data} names={names} />
        )}
        <Calendar />
      </div>
    </Page>
  );
}

function Figures({ measures: { days, total } }: { measures: GreetingMeasures }) {
  const heard = total.measured;
  return (
    <section aria-label="How greetings were heard">
      <dl className="tiles" data-testid="greeting-figures">
        <Tile name={`Calls in ${days} days`}>{count(total.calls)}</Tile>
        <Tile name="Heard after, p50">{msOrNone(total.first_audible_median_ms)}</Tile>
        <Tile name="p95">{msOrNone(total.first_audible_p95_ms)}</Tile>
        <Tile name="Clipped">{share(total.clipped, heard)}</Tile>
        <Tile name="Talked over">{share(total.talked_over, heard)}</Tile>
        <Tile name="Rendered ahead">{share(total.rendered_ahead, total.calls)}</Tile>
      </dl>
    </section>
  );
}

function Tile({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Widest first, as the eye looks for the rule before its exceptions. */
const width = (greeting: Greeting) =>
  [greeting.environment_id, greeting.domain_id, greeting.agent_id, greeting.channel_id].reduce(
    (sum, id, place) => sum + (id ? 2 ** place : 0),
    0,
  );

function scopeOf(greeting: Greeting, names: Names): string {
  const of = (list: { value: string; label: string }[], id: string | null | undefined) =>
    id ? (list.find((one) => one.value === id)?.label ?? id) : '';
  const parts = [
    of(names.channels, greeting.channel_id),
    of(names.agents, greeting.agent_id),
    of(names.domains, greeting.domain_id),
    of(names.environments, greeting.environment_id),
  ].filter(Boolean);
  return parts.join(', ') || 'All calls';
}

function List({
  greetings,
  measures,
  names,
}: {
  greetings: Greeting[];
  measures: GreetingMeasures | undefined;
  names: Names;
}) {
  const sorted = [...greetings].sort(
    (a, b) => b.priority - a.priority || width(a) - width(b) || a.id.localeCompare(b.id),
  );
  return (
    <Scroll label="Greetings">
      <table className="cards">
        <thead>
          <tr>
            <th scope="col">For</th>
            <th scope="col">When</th>
            <th scope="col">Says</th>
            <th scope="col" className="number">
              Calls
            </th>
            <th scope="col">State</th>
            <th scope="col">
              <span className="hidden">What can be done with it</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((greeting) => (
            <Row
              key={greeting.id}
              greeting={greeting}
              scope={scopeOf(greeting, names)}
              calls={measures?.greetings.find((one) => one.greeting_id === greeting.id)?.outcomes.calls}
            />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Row({ greeting, scope, calls }: { greeting: Greeting; scope: string; calls: number | undefined }) {
  const [asking, ask] = useState(false);
  const removing = useChange(remove);
  const running = greeting.experiment?.running;
  return (
    <tr data-testid="greeting-row">
      <th scope="row">
        <Link to={`/greetings/${greeting.id}`}>{greeting.title || scope}</Link>
        {greeting.title && <div className="quiet small">{scope}</div>}
      </th>
      <td>
        {times(greeting)}
        <div className="quiet small">
          {[greeting.language ?? 'any language', greeting.priority !== 0 && `priority ${greeting.priority}`]
            .filter(Boolean)
            .join(', ')}
        </div>
      </td>
      <td className="break says">{running ? greeting.experiment?.arms[0]?.text : greeting.wordings[0]}</td>
      <td className="number" data-label="Calls">
        {count(calls ?? 0)}
      </td>
      <td className="tight">
        <span className={greeting.enabled ? 'tag good' : 'tag'}>
          {greeting.enabled ? (running ? 'experiment' : 'said') : 'switched off'}
        </span>
      </td>
      <td className="tight">
        <Button variant="subtle" color="danger" onClick={() => ask(true)}>
          Remove
        </Button>
        <Confirm
          opened={asking}
          close={() => ask(false)}
          title="Remove this greeting?"
          does="Remove"
          act={() => removing.mutateAsync(greeting)}
        >
          The next one that fits is said, from the next call on. What came of its calls stays on record.
        </Confirm>
      </td>
    </tr>
  );
}
