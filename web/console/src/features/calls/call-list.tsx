import { Button } from '@mantine/core';
import { useMemo } from 'react';
import { Link, useSearchParams } from 'react-router';
import type { CallSummary } from '../../server';
import { Empty, Loading, More, Page, Party, Problem, Scroll, Time } from '../../shell';
import { duration, ending, ms, msOrNone, plural } from '../../words';
import { FilterBar } from './filter-bar';
import { type Filters, fromAddress, NONE, toAddress } from './filters';
import { versioned } from './follow';
import { termsOf } from './found';
import { Marked } from './marked';
import { useCalls } from './queries';
import './calls.css';

export function CallList() {
  const [search, setSearch] = useSearchParams();
  const filters = fromAddress(search);
  const set = (next: Filters) => setSearch(toAddress(next), { replace: true });
  const calls = useCalls(filters);
  const list = calls.data?.pages.flatMap((page) => page.data) ?? [];
  const filtered = toAddress(filters).toString() !== '';
  return (
    <Page title="Calls" about="Who called, what was said, and how long it was waited for.">
      <FilterBar filters={filters} set={set} />
      {calls.isPending && <Loading rows={8} />}
      {calls.isError && <Problem error={calls.error} again={() => void calls.refetch()} />}
      {calls.isSuccess && list.length === 0 && <Nothing filtered={filtered} clear={() => set(NONE)} />}
      {list.length > 0 && (
        <div className={calls.isPlaceholderData ? 'stack stale' : 'stack'}>
          <Table calls={list} search={filters.q} />
          <More pages={calls}>Older calls</More>
        </div>
      )}
    </Page>
  );
}

function Nothing({ filtered, clear }: { filtered: boolean; clear: () => void }) {
  if (filtered) {
    const all = (
      <Button variant="default" onClick={clear}>
        Show all calls
      </Button>
    );
    return (
      <Empty title="No call is like that" action={all}>
        Fewer filters, or other words, find more. The search looks into what both sides said.
      </Empty>
    );
  }
  return (
    <Empty title="No call yet" action={<a href="/">Talk to an agent</a>}>
      Each call stands here from its first second on, with its words, its silences and its sound.
    </Empty>
  );
}

function Table({ calls, search }: { calls: CallSummary[]; search: string }) {
  const terms = useMemo(() => termsOf(search), [search]);
  return (
    <Scroll label="Calls">
      <table className="calls" data-testid="calls">
        <thead>
          <tr>
            <th scope="col">Began</th>
            <th scope="col">Agent</th>
            <th scope="col">What it was about</th>
            <th scope="col" className="number">
              Length
            </th>
            <th scope="col" className="number">
              Turns
            </th>
            <th scope="col" className="number" title="Median over the turns that were answered">
              Response
            </th>
            <th scope="col" className="number">
              Slowest
            </th>
            <th scope="col" className="number">
              Dead air
            </th>
            <th scope="col">End</th>
          </tr>
        </thead>
        <tbody>
          {calls.map((call) => (
            <Row key={call.id} call={call} search={search} terms={terms} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** Callers find the wait long from here on. */
const SLOW_MS = 1500;

function Row({ call, search, terms }: { call: CallSummary; search: string; terms: string[][] }) {
  const about = call.summary || call.first_words;
  const slow = (call.response_max_ms ?? 0) > SLOW_MS;
  return (
    <tr className="linked" data-testid="call-row" data-id={call.id} data-running={call.running}>
      <th scope="row" className="when">
        <Link
          className="whole"
          to={{ pathname: `/calls/${call.id}`, search: search && `?${new URLSearchParams({ q: search })}` }}
        >
          <Time at={call.started_at} />
        </Link>
        <div className="quiet small">{call.transport}</div>
        <Party call={call} />
      </th>
      <td className="agent">
        {call.agent}
        <div className="quiet small">
          {[versioned(call.version), call.environment].filter(Boolean).join(' · ')}
        </div>
      </td>
      <td className="about">
        {about ? (
          <div className="clamp">
            <Marked text={about} terms={terms} />
          </div>
        ) : (
          <span className="quiet">Nothing was said</span>
        )}
      </td>
      <td className="number" data-label="Length">
        {call.running ? <span className="tag good live">running</span> : duration(call.duration_ms)}
      </td>
      <td className="number" data-label="Turns">
        {call.turns}
        {call.interruptions > 0 && (
          <div className="quiet small" title="Interruptions">
            {call.interruptions} cut in
          </div>
        )}
      </td>
      <td className="number" data-label="Response">
        {msOrNone(call.response_median_ms)}
      </td>
      <td className={slow ? 'number warned' : 'number'} data-label="Slowest">
        {msOrNone(call.response_max_ms)}
      </td>
      <td className={call.dead_air_ms > 0 ? 'number warned' : 'number quiet'} data-label="Dead air">
        {call.dead_air_ms > 0 ? ms(call.dead_air_ms) : '–'}
      </td>
      <td className="end">
        {!call.running && ending(call.end_reason)}
        <div className="row tags">
          {call.outcome && <span className="tag">{call.outcome}</span>}
          {call.drill && <span className="tag warn">drill</span>}
          {call.poor_audio && (
            <span
              className="tag warn"
              data-testid="poor-audio"
              title={call.lowest_mos ? `Lowest score ${call.lowest_mos.toFixed(1)} of 4.5` : undefined}
            >
              poor audio
            </span>
          )}
          {call.failures > 0 && <span className="tag wrong">{plural(call.failures, 'problem')}</span>}
        </div>
      </td>
    </tr>
  );
}
