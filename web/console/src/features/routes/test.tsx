import { Textarea, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import type { NewRoute, RouteTest, RouteTestAnswer } from '../../server';
import { Problem } from '../../shell';
import { blankCall, callOf } from './form';
import { useTest } from './queries';

const TYPING_MS = 350;

/** Whom a call would reach, and why; with a draft, as if it were saved. */
export function Test({ draft, replaces }: { draft?: NewRoute; replaces?: string | undefined }) {
  const [call, setCall] = useState(blankCall);
  const set = (part: Partial<typeof call>) => setCall((before) => ({ ...before, ...part }));
  const asks = [call.number, call.room, call.host, call.trunk].some((text) => text.trim());
  const wanted: RouteTest | null = asks
    ? { call: callOf(call), ...(draft && { draft }), ...(replaces && { replaces }) }
    : null;
  // A request for each pause in typing, not for each letter.
  const [text] = useDebouncedValue(JSON.stringify(wanted), TYPING_MS);
  const asked: RouteTest | null = JSON.parse(text);
  const test = useTest(asked);
  const field = (name: 'number' | 'room' | 'trunk' | 'host', label: string) => (
    <TextInput
      label={label}
      value={call[name]}
      onChange={(event) => set({ [name]: event.currentTarget.value })}
      data-testid={`test-${name}`}
    />
  );
  return (
    <section className="card stack test" aria-labelledby="test">
      <h2 id="test">Test a call</h2>
      <div className="pair">
        {field('number', 'It calls')}
        {field('room', 'It comes into the room')}
        {field('trunk', 'It comes in by the trunk or account')}
        {field('host', 'It is made at the hostname')}
        <TextInput
          label="At"
          type="datetime-local"
          value={call.at}
          onChange={(event) => set({ at: event.currentTarget.value })}
          data-testid="test-at"
        />
      </div>
      <Textarea
        label="Its headers"
        description="Name: value, one on each line"
        autosize
        minRows={1}
        value={call.headers}
        onChange={(event) => set({ headers: event.currentTarget.value })}
      />
      <div aria-live="polite">
        {!asks && <p className="quiet">Say what a call brings to see whom it reaches.</p>}
        {asked && test.isError && <Problem small error={test.error} />}
        {asked && test.data && !test.isError && <Answer answer={test.data} />}
      </div>
    </section>
  );
}

function Answer({ answer }: { answer: RouteTestAnswer }) {
  const { reached, number, local_time, considered, refusal } = answer;
  return (
    <div className="stack">
      <p data-testid="test-answer">
        {!reached && 'It is refused: no route fits.'}
        {reached && (
          <>
            It reaches <strong>{reached.agent}</strong> in {reached.environment}
            {reached.version === null || reached.version === undefined
              ? ', where nothing is published: it is refused.'
              : `, version ${reached.version}${reached.node && !reached.node_missing ? `, at ${reached.node}` : ''}.`}
            {reached.channel_id && ' Its channel leads there: no route fits.'}
          </>
        )}
      </p>
      <p className="quiet small">{[number && `Called: ${number}`, local_time].filter(Boolean).join(', ')}</p>
      {reached?.node_missing && (
        <p className="tag wrong wide" data-testid="test-node">
          That version has no node {reached.node}: the call begins at the agent's entry.
        </p>
      )}
      {refusal && (
        <p className="tag wrong wide" data-testid="test-refusal">
          It cannot be saved: {refusal}
        </p>
      )}
      <details>
        <summary>Why ({considered.length} looked at)</summary>
        <ul className="why">
          {considered.map((one) => (
            <li key={one.route_id ?? one.channel_id ?? 'draft'} className={one.chosen ? 'chosen' : ''}>
              <strong>{one.route_id || one.channel_id ? one.title || one.route_id : 'This route'}</strong>:{' '}
              {one.why}
            </li>
          ))}
        </ul>
      </details>
    </div>
  );
}
