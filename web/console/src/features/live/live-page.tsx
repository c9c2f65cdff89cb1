// Calls under way: who talks with which agent, heard, told what to do, ended.

import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import type { LiveCall } from '../../server';
import { Confirm, Empty, Loading, Page, Party, Problem, Scroll, Time } from '../../shell';
import { titled } from '../../words';
import { end, listen, useDoing, useLive, whisper } from './queries';
import { Listener, RATE_HZ } from './sound';

const STATES: Record<string, string> = { bridged: 'With a person', initializing: 'Connecting' };

export default function LivePage() {
  const live = useLive();
  return (
    <Page
      title="Live"
      about="Calls under way. Listening, telling and ending are written down in the audit log."
    >
      {live.isPending && <Loading rows={3} />}
      {live.isError && <Problem error={live.error} again={() => void live.refetch()} />}
      {live.data?.others_known === false && (
        <p className="note warn" role="status" data-testid="live-others-unknown">
          Calls of other servers are not known while the database does not answer.
        </p>
      )}
      {live.data?.data.length === 0 && (
        <Empty title="Nobody calls now" action={<Link to="/calls">To the calls on record</Link>}>
          A call is here from its first second to its last.
        </Empty>
      )}
      {live.data && live.data.data.length > 0 && (
        <div className="stack">
          <Calls calls={live.data.data} />
          {live.data.data.some(({ here }) => !here) && (
            <p className="note" data-testid="live-elsewhere">
              Calls of other servers are listed as they are on record. They are heard, told and ended in the
              console of the server that has them.
            </p>
          )}
        </div>
      )}
    </Page>
  );
}

function Calls({ calls }: { calls: LiveCall[] }) {
  return (
    <Scroll label="Calls under way">
      <table className="cards" data-testid="live">
        <thead>
          <tr>
            <th scope="col">Agent</th>
            <th scope="col">Way</th>
            <th scope="col">Since</th>
            <th scope="col">State</th>
            <th scope="col">Tell the agent</th>
            <th scope="col">
              <span className="hidden">What can be done in it</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {calls.map((call) => (
            <Row key={call.id} call={call} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Row({ call }: { call: LiveCall }) {
  return (
    <tr data-testid="live-row" data-id={call.id} data-here={call.here}>
      <th scope="row">
        <Link to={`/calls/${call.id}`}>{call.agent}</Link>
      </th>
      <td>
        {call.transport}
        <Party call={call} />
      </td>
      <td>
        <Time at={call.started_at} />
      </td>
      <td data-testid="live-state">
        {stateOf(call)}
        <span className="quiet small">
          , {call.turns} {call.turns === 1 ? 'turn' : 'turns'}
        </span>
        {!call.here && <div className="quiet small mono break">{call.server_id}</div>}
      </td>
      <td>{call.here && <Tell id={call.id} />}</td>
      <td className="tight">{call.here && <Doing id={call.id} />}</td>
    </tr>
  );
}

function stateOf({ here, connected, state }: LiveCall): string {
  if (!here) return 'On another server';
  return connected ? (STATES[state] ?? titled(state)) : 'Caller lost';
}

function Doing({ id }: { id: string }) {
  const [asking, ask] = useState(false);
  const ending = useDoing(end);
  return (
    <>
      <Ear id={id} />
      <Button variant="subtle" color="danger" onClick={() => ask(true)} data-testid="live-end">
        End
      </Button>
      <Confirm
        opened={asking}
        close={() => ask(false)}
        title="End this call?"
        does="End the call"
        danger
        act={() => ending.mutateAsync(id)}
      >
        The agent says goodbye, in place of what it is saying.
      </Confirm>
    </>
  );
}

/** Listens until it is stopped, the call ends, or the page is left. */
function Ear({ id }: { id: string }) {
  const [hears, setHears] = useState(false);
  const ear = useRef<Listener | null>(null);
  const asked = useDoing(listen);
  // The socket and the loudspeaker are the browser's.
  useEffect(() => () => ear.current?.close(), []);
  const stop = () => {
    ear.current?.close();
    ear.current = null;
    setHears(false);
  };
  const begin = () => {
    // Made while the button is pressed: a browser lets no page sound by itself.
    const context = new AudioContext({ sampleRate: RATE_HZ });
    asked.mutate(id, {
      onSuccess: ({ url }) => {
        ear.current = new Listener(url, context, () => setHears(false));
        setHears(true);
      },
      onError: () => void context.close(),
    });
  };
  return (
    <Button
      variant="subtle"
      onClick={hears ? stop : begin}
      loading={asked.isPending}
      data-testid="live-listen"
    >
      {hears ? 'Stop listening' : 'Listen'}
    </Button>
  );
}

function Tell({ id }: { id: string }) {
  const [text, setText] = useState('');
  const [mode, setMode] = useState<'instruct' | 'say'>('instruct');
  const tell = useDoing(whisper);
  const said = tell.data && TOLD[tell.variables.mode ?? 'instruct'][tell.data.heeded ? 0 : 1];
  return (
    <form
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        tell.mutate({ id, text, mode }, { onSuccess: () => setText('') });
      }}
    >
      <NativeSelect
        aria-label="How"
        data={[
          { value: 'instruct', label: 'Whisper' },
          { value: 'say', label: 'Say' },
        ]}
        value={mode}
        onChange={(event) => setMode(event.currentTarget.value as 'instruct' | 'say')}
        data-testid="live-mode"
      />
      <TextInput
        aria-label="Words for the agent"
        placeholder="Offer them ten o'clock"
        maxLength={500}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        data-testid="live-words"
      />
      <Button
        type="submit"
        variant="default"
        disabled={!text.trim()}
        loading={tell.isPending}
        data-testid="live-tell"
      >
        Send
      </Button>
      {said && (
        <span className="quiet small" role="status" data-testid="live-told">
          {said}
        </span>
      )}
      {tell.isError && <Problem small error={tell.error} />}
    </form>
  );
}

/** Where it is heeded, and where it is not. */
const TOLD = {
  say: [
    'It says it now, or when the caller has finished.',
    'It does not say it: the caller talks with a person, or the call is ending.',
  ],
  instruct: [
    'It heeds it in its next reply.',
    'Here the agent says what is written for it: have it said instead.',
  ],
} as const;
