// How long callers wait, stage by stage, and how much is going on.

import { NativeSelect, SegmentedControl } from '@mantine/core';
import { useMemo } from 'react';
import { useSearchParams } from 'react-router';
import { Bars, type Chart, grid, Plot, type Shown } from '../../charts';
import type { Activity, Latency } from '../../server';
import { Empty, Loading, Page, Problem } from '../../shell';
import { compact, count, duration, ending, ms, msOrNone, titled } from '../../words';
import { type Scope, scopeFrom, useActivity, useLatency } from './queries';
import { milliseconds, perMinute, recent, WINDOWS, whole } from './series';
import { Speculation } from './speculation';

const STAGES = ['endpointing', 'thinking', 'sentence', 'synthesis', 'playout'] as const;
const MEANING: Record<(typeof STAGES)[number], string> = {
  endpointing: 'until the caller was taken to have finished',
  thinking: 'until the first text',
  sentence: 'until that text was a sentence',
  synthesis: 'until the first audible sample',
  playout: 'until that sample was sent',
};
/** What the chart of active calls counts, which is what the server can tell of so long a time. */
const ACTIVE: Record<Activity['window'], string> = {
  '5m': 'in the minute',
  '1h': 'in the minute',
  '24h': 'in the busiest minute',
  '7d': 'at a full hour',
  '30d': 'at a full hour',
};
const FILTERS = ['agent', 'provider', 'transport', 'version'] as const;

export default function LatencyPage() {
  const [search, setSearch] = useSearchParams();
  const scope = scopeFrom(search);
  const latency = useLatency(scope);
  const activity = useActivity(scope);
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(search);
    if (value) next.set(name, value);
    else next.delete(name);
    setSearch(next, { replace: true });
  };
  const live = scope.window === '5m';
  return (
    <Page
      title="Latency"
      about="From the caller's last sound to the agent's first, and what that time is spent on."
      actions={
        <>
          {live && <span className="tag good live">every second</span>}
          <SegmentedControl
            aria-label="Time"
            value={scope.window}
            onChange={(value) => set('window', value)}
            data={WINDOWS.map(({ value, label }) => ({ value, label }))}
            data-testid="window"
          />
        </>
      }
    >
      <div className="stack">
        <Filters scope={scope} activity={activity.data} set={set} />
        {latency.isError && <Problem error={latency.error} again={() => void latency.refetch()} />}
        {(latency.isPending || activity.isPending) && !latency.isError && <Loading />}
        {latency.data && activity.data && (
          <Figures latency={latency.data} activity={activity.data} live={live} />
        )}
      </div>
    </Page>
  );
}

function Filters({
  scope,
  activity,
  set,
}: {
  scope: Scope;
  activity: Activity | undefined;
  set: (name: string, value: string) => void;
}) {
  const values = {
    agent: activity?.agents ?? [],
    provider: activity?.providers ?? [],
    transport: activity?.transports ?? [],
    version: activity?.versions.map(String) ?? [],
  };
  return (
    <search className="row">
      {FILTERS.map((name) => (
        <NativeSelect
          key={name}
          aria-label={titled(name)}
          value={scope[name]}
          onChange={(event) => set(name, event.currentTarget.value)}
          data={[
            { value: '', label: `Any ${name}` },
            ...new Set([...values[name], ...(scope[name] ? [scope[name]] : [])]),
          ].map((one) =>
            typeof one === 'string'
              ? { value: one, label: name === 'version' ? (one === '0' ? 'drafts' : `v${one}`) : one }
              : one,
          )}
          data-testid={`filter-${name}`}
        />
      ))}
    </search>
  );
}

type Span = { from: number; to: number; stepSeconds: number };

const spanOf = (latency: Latency): Span => ({
  from: Date.parse(latency.from) / 1000,
  to: Date.parse(latency.to) / 1000,
  stepSeconds: latency.step_seconds,
});

type Stage = NonNullable<Latency['stages'][string]>;

const stageOf = ({ stages }: Latency, name: string): Stage => stages[name] ?? { count: 0, series: [] };

function percentiles(stage: Stage, span: Span): Chart {
  const of = (label: string, colour: string, key: 'p50_ms' | 'p95_ms' | 'p99_ms'): Shown => ({
    label,
    colour,
    write: milliseconds,
    values: grid(stage.series, span, (point) => point[key], null).values,
  });
  return {
    times: grid(stage.series, span, () => null, null).times,
    series: [
      of('p50', '--accent', 'p50_ms'),
      of('p95', '--thinking', 'p95_ms'),
      of('p99', '--playout', 'p99_ms'),
    ],
  };
}

type Counted = Exclude<keyof Activity['series'][number], 'at'>;

function counts(activity: Activity, span: Span, shown: [Counted, string, string][], rate: boolean): Chart {
  const series = shown.map(([key, label, colour]) => {
    const value = (point: Activity['series'][number]) =>
      rate ? perMinute(point[key], span.stepSeconds) : point[key];
    return {
      label,
      colour,
      area: true,
      write: key === 'dead_air_ms' ? milliseconds : whole,
      values: grid(activity.series, span, value, 0).values,
    };
  });
  return { times: grid(activity.series, span, () => 0, 0).times, series };
}

function Figures({ latency, activity, live }: { latency: Latency; activity: Activity; live: boolean }) {
  const { totals } = activity;
  const charts = useMemo(() => {
    const span = spanOf(latency);
    return {
      response: percentiles(stageOf(latency, 'response'), span),
      stages: STAGES.map((stage) => ({ stage, chart: percentiles(stageOf(latency, stage), span) })),
      requests: counts(
        activity,
        span,
        [
          ['turns', 'turns per minute', '--accent'],
          ['calls', 'calls per minute', '--endpointing'],
        ],
        true,
      ),
      active: counts(activity, span, [['active_calls', ACTIVE[activity.window], '--endpointing']], false),
      interruptions: counts(activity, span, [['interruptions', 'interruptions', '--sentence']], false),
      silence: counts(activity, span, [['dead_air_ms', 'dead air', '--thinking']], false),
      tokens: counts(
        activity,
        span,
        [
          ['tokens_in', 'in', '--endpointing'],
          ['tokens_out', 'out', '--accent'],
        ],
        false,
      ),
    };
  }, [latency, activity]);
  const medians = Object.fromEntries(STAGES.map((stage) => [stage, stageOf(latency, stage).p50_ms ?? 0]));
  const nothing = stageOf(latency, 'response').count === 0 && totals.calls === 0;
  if (nothing && !live) {
    return (
      <Empty title="Nobody called in this time" action={<a href="/">Talk to an agent</a>}>
        Choose a longer time, or fewer filters. The live view shows a call while it is spoken.
      </Empty>
    );
  }
  return (
    <>
      <Tiles latency={latency} activity={activity} />
      <Plot title="Response time" chart={charts.response} height={230} />
      <section className="stack tight" aria-labelledby="stages">
        <h2 id="stages">What a response is made of</h2>
        <div className="plots">
          {charts.stages.map(({ stage, chart }) => (
            <Plot key={stage} title={`${titled(stage)}: ${MEANING[stage]}`} chart={chart} />
          ))}
          <Bars
            title="Median of each, in this time"
            amounts={medians}
            write={milliseconds}
            name={titled}
            coloured
          />
        </div>
      </section>
      <section className="stack tight" aria-labelledby="traffic">
        <h2 id="traffic">What is going on</h2>
        <div className="plots">
          <Plot title="Requests" chart={charts.requests} />
          <Plot title="Active calls" chart={charts.active} />
          <Plot title="Interruptions by callers" chart={charts.interruptions} />
          <Plot title="Dead air" chart={charts.silence} />
          <Plot title="Tokens of language models" chart={charts.tokens} />
          <Bars
            title="Dead air by cause"
            amounts={activity.dead_air_by_cause}
            write={duration_or_ms}
            name={titled}
          />
          <Bars title="Calls by their end" amounts={activity.ended_by_reason} write={count} name={ending} />
          <Bars title="Errors by code" amounts={activity.failures_by_code} write={count} codes />
        </div>
      </section>
      <Speculation activity={activity} />
    </>
  );
}

const duration_or_ms = (value: number): string => (value < 10_000 ? ms(value) : duration(value));

function Tiles({ latency, activity }: { latency: Latency; activity: Activity }) {
  const response = stageOf(latency, 'response');
  const { totals } = activity;
  const last = Date.parse(activity.series.at(-1)?.at ?? activity.to);
  const share = totals.turns > 0 ? ` (${Math.round((totals.interruptions / totals.turns) * 100)} %)` : '';
  const tiles: [string, string, string?][] = [
    ['Response, p50', msOrNone(response.p50_ms)],
    ['p95', msOrNone(response.p95_ms)],
    ['p99', msOrNone(response.p99_ms)],
    ['Active calls', count(activity.active_calls)],
    [
      'Turns per minute',
      whole(
        recent(
          activity.series.map((point) => point.turns),
          activity.step_seconds,
          (Date.parse(activity.to) - last) / 1000,
        ),
      ),
    ],
    ['Calls', count(totals.calls)],
    ['Interruptions', count(totals.interruptions), share],
    ['Dead air', duration_or_ms(totals.dead_air_ms)],
    ['Errors', count(totals.failures)],
    ['Tokens in, out', `${compact(totals.tokens_in)}, ${compact(totals.tokens_out)}`],
  ];
  return (
    <dl className="tiles" data-testid="tiles">
      {tiles.map(([name, value, more]) => (
        <div key={name} data-tile={name}>
          <dt>{name}</dt>
          <dd>
            {value}
            {more && <span className="quiet small">{more}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
