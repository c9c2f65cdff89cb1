// One call: what was said and heard, how long each answer took and why, and its sound.

import { Button } from '@mantine/core';
import { useMemo, useState } from 'react';
import { Link, useParams } from 'react-router';
import type { Call, Recording } from '../../server';
import { Loading, Page, Problem, Time } from '../../shell';
import {
  bytes,
  count,
  duration,
  ending,
  fullMoment,
  moment,
  ms,
  msOrNone,
  partyOf,
  plain,
  position,
  titled,
} from '../../words';
import { CallAudio } from './audio';
import { Conversation } from './conversation';
import { Events } from './events';
import { missing, returns, spans, versioned, ways } from './follow';
import { rungs } from './ladder';
import { Ladder } from './ladder-view';
import type { Player } from './player';
import { isFair, scored } from './quality';
import { downloadUrl, logUrl, useCall, useRecordings } from './queries';
import { Recordings } from './recordings';

export default function CallPage() {
  const { id = '' } = useParams();
  const call = useCall(id);
  const crumbs = <Link to="/calls">Calls</Link>;
  if (call.data) return <Shown key={call.data.id} call={call.data} />;
  return (
    <Page title="Call" crumbs={crumbs}>
      {call.isError ? <Problem error={call.error} again={() => void call.refetch()} /> : <Loading rows={7} />}
    </Page>
  );
}

function Shown({ call }: { call: Call }) {
  const [player, setPlayer] = useState<Player | null>(null);
  const lines = useMemo(
    () => spans(call.transcript, call.turns_detail, call.duration_ms),
    [call.transcript, call.turns_detail, call.duration_ms],
  );
  const ladder = useMemo(() => rungs(call.notes), [call.notes]);
  const recordings = useRecordings(call.id, !call.running);
  const parts = recordings.data ?? [];
  const said = recordings.data ? missing(call, parts) : '';
  return (
    <Page
      title={`Call, ${moment(call.started_at)}`}
      heading={
        <>
          {call.agent}, <Time at={call.started_at} />
        </>
      }
      crumbs={<Link to="/calls">Calls</Link>}
      about={<span className="mono break">{call.id}</span>}
      actions={
        <Button component="a" variant="default" href={logUrl(call)} download data-testid="download">
          Download the log
        </Button>
      }
    >
      <div className="stack" data-testid="call">
        {call.running && (
          <p className="note good" data-testid="running">
            <span className="tag good live">running</span> This call is going on; here is what was said so
            far. Its sound comes when it has ended.
          </p>
        )}
        {call.end_reason === 'interrupted' && (
          <p className="note warn" data-testid="interrupted-call">
            <strong>This call was cut by a restart of the server.</strong> What was written until then is
            here; what came after it is not known.
          </p>
        )}
        {returns(call).map((one) => (
          <p key={one.atMs} className="note warn" data-testid="returned">
            <span className="number">{position(one.atMs)}</span> {one.text}
          </p>
        ))}
        <Facts call={call} />
        {parts.length > 0 && <Recordings call={call} parts={parts} ready={setPlayer} />}
        {recordings.isError && (
          <Problem small error={recordings.error} again={() => void recordings.refetch()} />
        )}
        {said && (
          <p className={parts.length > 0 ? 'note warn' : 'note'} data-testid="recording-missing">
            {said}
          </p>
        )}
        <div className="columns">
          <Conversation call={call} spans={lines} player={player} />
          <Beside call={call} parts={parts} />
        </div>
        {ladder.length > 0 && <Ladder rungs={ladder} />}
        <Events call={call} />
      </div>
    </Page>
  );
}

function Facts({ call }: { call: Call }) {
  const party = partyOf(call);
  const where = [ways(call), ...call.providers].filter(Boolean).join(', ');
  return (
    <dl className="facts" data-testid="facts">
      <div>
        <dt>Agent</dt>
        <dd>
          {/* It may have been called as a draft or a version: `front-desk@draft`. */}
          <Link to={`/agents/${call.agent.split('@')[0]}`}>{call.agent}</Link>
          <span className="quiet"> {versioned(call.version)}</span>
        </dd>
      </div>
      {party && <Fact name={party.name} value={call.party ?? ''} kind="break" />}
      <Fact name="Environment" value={call.environment || '–'} />
      <Fact name="Way" value={where} />
      <Fact
        name="Length"
        value={call.running ? 'running' : duration(call.duration_ms)}
        exact={fullMoment(call.started_at)}
      />
      <Fact name="Median response" value={msOrNone(call.response_median_ms)} />
      <Fact name="Slowest response" value={msOrNone(call.response_max_ms)} />
      <Fact name="Interruptions" value={String(call.interruptions)} />
      <Fact
        name="Dead air"
        value={call.dead_air_ms > 0 ? ms(call.dead_air_ms) : 'none'}
        kind={call.dead_air_ms > 0 ? 'warned' : ''}
      />
      {call.quality && (
        <Fact
          name="Audio, lowest"
          value={scored(call.lowest_mos)}
          kind={isFair(call.lowest_mos) ? '' : 'warned'}
        />
      )}
      <Fact
        name="End"
        value={call.running ? '–' : ending(call.end_reason)}
        kind={call.end_reason === 'provider_failed' || call.end_reason === 'connection_lost' ? 'bad' : ''}
      />
      {call.outcome && <Fact name="Outcome" value={call.outcome} />}
    </dl>
  );
}

function Fact({
  name,
  value,
  kind = '',
  exact,
}: {
  name: string;
  value: string;
  kind?: string;
  exact?: string;
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className={kind} title={exact}>
        {value}
      </dd>
    </div>
  );
}

/** What stands beside the conversation: what came of it, and what went wrong. */
function Beside({ call, parts }: { call: Call; parts: readonly Recording[] }) {
  const fields = Object.entries(call.fields ?? {});
  const extracted = Object.entries(call.extracted ?? {});
  const notes = call.notes.filter((note) => note.name !== 'sip');
  return (
    <div className="stack">
      {call.summary && (
        <section className="card">
          <h2>Summary</h2>
          <p data-testid="summary">{call.summary}</p>
          {extracted.length > 0 && (
            <dl className="values" data-testid="extracted">
              {extracted.map(([name, value]) => (
                <div key={name}>
                  <dt>{titled(name)}</dt>
                  <dd>
                    <Noted value={value} />
                  </dd>
                </div>
              ))}
            </dl>
          )}
          <p className="quiet small" data-testid="summary-by">
            {call.summary_by === 'model'
              ? `By ${call.summary_model ?? 'a model'}, from what was said.`
              : 'By rules.'}
          </p>
        </section>
      )}
      {fields.length > 0 && (
        <section className="card">
          <h2>Noted</h2>
          <dl className="values" data-testid="fields">
            {fields.map(([name, value]) => (
              <div key={name}>
                <dt>{titled(name)}</dt>
                <dd>
                  <Noted value={value} />
                </dd>
              </div>
            ))}
          </dl>
          {notes.length > fields.length && (
            <details className="marks">
              <summary>All {count(notes.length)} notes</summary>
              <ol className="notes">
                {notes.map((note) => (
                  <li key={note.at_ms + note.name}>
                    <span className="number">{position(note.at_ms)}</span> {plain(note.name)}:{' '}
                    <Noted value={note.value} />
                  </li>
                ))}
              </ol>
            </details>
          )}
        </section>
      )}
      <CallAudio call={call} />
      {call.problems.length > 0 && (
        <section className="card">
          <h2>Problems</h2>
          <ul className="stack tight">
            {call.problems.map((one) => (
              <li className="note wrong small" key={one.at_ms + one.code} data-testid="problem-of-call">
                <a href={`/docs/errors/${one.code}`} className="mono">
                  {one.code}
                </a>{' '}
                at {position(one.at_ms)}, {plain(one.source)}: {one.message}
              </li>
            ))}
          </ul>
        </section>
      )}
      {call.dead_air.length > 0 && (
        <section className="card">
          <h2>Dead air</h2>
          <ul className="stack tight">
            {call.dead_air.map((one) => (
              <li className="note warn small" key={one.at_ms} data-testid="dead-air">
                {ms(one.length_ms)} at {position(one.at_ms)}, cause: {plain(one.cause)}
              </li>
            ))}
          </ul>
        </section>
      )}
      {parts.length > 0 && (
        <section className="card">
          <h2>Audio files</h2>
          <ul className="files">
            {parts.map((part) => (
              <li key={part.url}>
                <a href={downloadUrl(part)} download data-testid="download-audio">
                  {titled(part.leg)}, part {part.part}
                </a>
                <span className="quiet small">
                  {part.codec}, {duration(part.length_ms)}, {bytes(part.bytes)}
                  {!part.complete && <span className="warned">, not all of it</span>}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

/** What an agent noted may be anything; most often it is a few named values. */
function Noted({ value }: { value: unknown }) {
  if (typeof value !== 'object' || value === null) return <>{value === null ? '–' : String(value)}</>;
  const said = (one: unknown) =>
    typeof one === 'object' && one !== null ? JSON.stringify(one) : String(one ?? '–');
  if (Array.isArray(value)) return <>{value.map(said).join(', ')}</>;
  return (
    <ul>
      {Object.entries(value).map(([name, one]) => (
        <li key={name}>
          <span className="quiet">{plain(name)}</span> {said(one)}
        </li>
      ))}
    </ul>
  );
}
