import { NativeSelect, SegmentedControl } from '@mantine/core';
import { useMemo } from 'react';
import { Link, useSearchParams } from 'react-router';
import { grid, Plot } from '../../charts';
import { costOf, money, unitName } from '../../money';
import type { Budget, Costs } from '../../server';
import { Empty, Loading, Problem, Scroll } from '../../shell';
import { compact, count, duration, plural } from '../../words';
import { GROUPS, type Group, useBudget, useCosts, WINDOWS } from './queries';

const chosen = <T extends string>(list: { value: T }[], text: string | null, otherwise: T): T =>
  list.find(({ value }) => value === text)?.value ?? otherwise;

/** In millionths of a dollar, which the chart of costs is drawn in. */
const CENT = 10_000;

export function Overview() {
  const [search, setSearch] = useSearchParams();
  const span = chosen(WINDOWS, search.get('window'), '30d');
  const group = chosen(GROUPS, search.get('by'), 'provider');
  const costs = useCosts(span, group);
  const budget = useBudget();
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(search);
    next.set(name, value);
    setSearch(next, { replace: true });
  };
  return (
    <>
      <div className="row end">
        <SegmentedControl
          aria-label="Time"
          value={span}
          onChange={(value) => set('window', value)}
          data={WINDOWS}
          data-testid="window"
        />
      </div>
      {budget.isError && <Problem small error={budget.error} again={() => void budget.refetch()} />}
      {costs.isError && <Problem error={costs.error} again={() => void costs.refetch()} />}
      {costs.isPending && <Loading />}
      {costs.data && costs.data.total.requests === 0 && (
        <>
          {budget.data && <Tiles costs={costs.data} budget={budget.data} />}
          <Empty
            title="No vendor was asked in this time"
            action={<Link to="/settings/providers">To the accounts at vendors</Link>}
          >
            The built-in models cost nothing. With an account at a vendor, what its requests come to is here a
            moment after a call.
          </Empty>
        </>
      )}
      {costs.data && costs.data.total.requests > 0 && (
        <>
          <Tiles costs={costs.data} budget={budget.data} />
          <Trend costs={costs.data} />
          <Missing missing={costs.data.missing} />
          <section className="stack tight" aria-labelledby="breakdown">
            <div className="row apart">
              <h2 id="breakdown">What it is spent on</h2>
              <NativeSelect
                aria-label="Broken down by"
                value={group}
                onChange={(event) => set('by', event.currentTarget.value)}
                data={GROUPS.map(({ value, label }) => ({ value, label: `By ${label.toLowerCase()}` }))}
                data-testid="group"
              />
            </div>
            <Breakdown costs={costs.data} group={costs.data.group_by} />
          </section>
        </>
      )}
    </>
  );
}

function Tiles({
  costs: { total, estimated_share, window },
  budget,
}: {
  costs: Costs;
  budget: Budget | undefined;
}) {
  const estimated = Math.round((estimated_share ?? 0) * 100);
  return (
    <dl className="tiles" data-testid="tiles">
      <div>
        <dt>Cost, {WINDOWS.find(({ value }) => value === window)?.label}</dt>
        <dd data-testid="total">
          {total.unpriced > 0 && total.cost_nano_usd > 0 ? (
            <>
              {money(total.cost_nano_usd)} <span className="small quiet">and more</span>
            </>
          ) : (
            costOf(total)
          )}
        </dd>
      </div>
      {budget && <Spent budget={budget} />}
      <div>
        <dt>Requests</dt>
        <dd>{compact(total.requests)}</dd>
      </div>
      <div>
        <dt>Failed</dt>
        <dd>{compact(total.failures)}</dd>
      </div>
      <div>
        <dt>Without a price</dt>
        <dd className={total.unpriced > 0 ? 'warned' : undefined}>{compact(total.unpriced)}</dd>
      </div>
      <div>
        <dt>Counted by us</dt>
        <dd title="The vendor did not say what these requests used">≈ {estimated} %</dd>
      </div>
    </dl>
  );
}

/** Of the month's budget, in words and as a bar. */
export function Spent({ budget }: { budget: Budget }) {
  const { monthly_limit_nano_usd: limit, spent_nano_usd: spent, state } = budget;
  const tag = { ok: 'good', warning: 'warn', exceeded: 'wrong' }[state];
  return (
    <div className="spent" data-testid="spent" data-state={state}>
      <dt>This month (UTC)</dt>
      <dd>
        {money(spent)}
        {limit === null || limit === undefined ? (
          <Link className="small" to="/costs/budget">
            set a budget
          </Link>
        ) : (
          <span className="small quiet"> of {money(limit)}</span>
        )}
        {limit != null && (
          <>
            <span className={`tag ${tag}`}>
              {limit > 0 ? `${Math.round((spent / limit) * 100)} %` : 'nothing may be spent'}
            </span>
            <span className="bar" aria-hidden="true">
              <span
                className={tag}
                style={{ width: `${limit > 0 ? Math.min(100, (spent / limit) * 100) : 100}%` }}
              />
            </span>
          </>
        )}
      </dd>
    </div>
  );
}

function Trend({ costs }: { costs: Costs }) {
  const chart = useMemo(() => {
    const span = {
      from: Date.parse(costs.from) / 1000,
      to: Date.parse(costs.to) / 1000,
      stepSeconds: costs.step_seconds,
    };
    const { times, values } = grid(costs.series, span, (point) => point.cost_nano_usd / 1000, 0);
    const write = (micro: number) => money(Math.round(micro * 1000));
    return { times, series: [{ label: 'cost', colour: '--accent', area: true, least: CENT, write, values }] };
  }, [costs]);
  return (
    <Plot
      title={costs.step_seconds < 86_400 ? 'Cost by the hour' : 'Cost by the day (UTC)'}
      chart={chart}
      height={200}
    />
  );
}

function Missing({ missing }: { missing: Costs['missing'] }) {
  if (missing.length === 0) return null;
  return (
    <section className="note warn" aria-labelledby="missing" data-testid="missing">
      <h2 id="missing">What has no price</h2>
      <p>These requests are left out of the sums, which are so much too low.</p>
      <ul className="stack tight missing">
        {missing.map(({ vendor, model, unit, requests }) => (
          <li key={`${vendor}/${model}/${unit}`} className="row">
            <span>
              <strong className="break">{model || 'no model named'}</strong> at {vendor}: {unitName(unit)},{' '}
              {plural(requests, 'request')}
            </span>
            <Link
              to={`/costs/prices?${new URLSearchParams({ vendor, model, unit })}`}
              aria-label={`Set the price of ${unitName(unit)} of ${model} at ${vendor}`}
              data-testid="set-price"
            >
              Set the price
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

const ABILITIES: Record<string, string> = { stt: 'Hearing', llm: 'Thinking', tts: 'Speaking' };
const NONE: Record<Group, string> = {
  provider: 'no account',
  model: 'no model named',
  agent: 'no agent',
  domain: 'no domain',
  environment: 'drafts and older versions',
  ability: 'no ability',
  day: 'no day',
};

function Breakdown({ costs, group }: { costs: Costs; group: Group }) {
  const most = Math.max(1, ...costs.breakdown.map((part) => part.cost_nano_usd));
  const title = GROUPS.find(({ value }) => value === group)?.label ?? group;
  return (
    <Scroll label={`Costs by ${title.toLowerCase()}`}>
      <table className="cards" data-testid="breakdown">
        <thead>
          <tr>
            <th scope="col">{title}</th>
            <th scope="col" className="number">
              Cost
            </th>
            <th scope="col" className="number">
              Requests
            </th>
            <th scope="col" className="number">
              Failed
            </th>
            <th scope="col">Used</th>
          </tr>
        </thead>
        <tbody>
          {costs.breakdown.map((part) => (
            <tr key={part.key ?? ''} data-testid="part">
              <th scope="row">
                <span className="break">
                  {part.key == null
                    ? NONE[group]
                    : group === 'ability'
                      ? (ABILITIES[part.key] ?? part.key)
                      : part.key}
                </span>
                <span className="bar" aria-hidden="true">
                  <span style={{ width: `${(part.cost_nano_usd / most) * 100}%` }} />
                </span>
              </th>
              <td className="number" data-label="Cost">
                {costOf(part)}
                {part.estimated > 0 && (
                  <div className="quiet small" title="The vendor did not say what these used: we counted">
                    ≈ {plural(part.estimated, 'request')} counted by us
                  </div>
                )}
                {part.unpriced > 0 && part.unpriced < part.requests && (
                  <div className="warned small">{plural(part.unpriced, 'request')} without a price</div>
                )}
              </td>
              <td className="number" data-label="Requests">
                {count(part.requests)}
              </td>
              <td className="number" data-label="Failed">
                {count(part.failures)}
              </td>
              <td className="small quiet" data-label="Used">
                {used(part)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function used(part: Costs['breakdown'][number]): string {
  const cached = part.cached_tokens > 0 ? ` (${compact(part.cached_tokens)} cached)` : '';
  const parts = [
    part.input_tokens > 0 && `${compact(part.input_tokens)} tokens in${cached}`,
    part.output_tokens > 0 && `${compact(part.output_tokens)} tokens out`,
    part.characters > 0 && `${compact(part.characters)} characters`,
    part.audio_in_ms > 0 && `${duration(part.audio_in_ms)} heard`,
    part.audio_out_ms > 0 && `${duration(part.audio_out_ms)} spoken`,
  ];
  return parts.filter(Boolean).join(', ') || 'nothing on record';
}
