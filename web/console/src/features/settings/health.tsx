import { costOf } from '../../money';
import type { ProviderHealth } from '../../server';
import { Problem, Scroll } from '../../shell';
import { count, duration, msOrNone } from '../../words';
import { useHealth } from './queries';

const DOES: Record<string, string> = { llm: 'Thinks', stt: 'Hears', tts: 'Speaks' };
/** From this share of failures on a provider is worth a look. */
const BAD = 0.05;

/** How accounts did in the last 24 hours. Nothing where nobody was asked. */
export function ProvidersHealth() {
  const health = useHealth();
  if (health.isLoadingError)
    return <Problem small error={health.error} again={() => void health.refetch()} />;
  const list = health.data?.data ?? [];
  if (list.length === 0) return null;
  return (
    <section className="stack tight" aria-labelledby="health">
      <h2 id="health">The last 24 hours</h2>
      <Scroll label="How accounts did">
        <table className="cards" data-testid="health">
          <thead>
            <tr>
              <th scope="col">Account</th>
              <th scope="col">State</th>
              <th scope="col" className="number">
                Requests
              </th>
              <th scope="col" className="number">
                Failed
              </th>
              <th scope="col" className="number">
                First answer
              </th>
              <th scope="col" className="number">
                Cost
              </th>
            </tr>
          </thead>
          <tbody>
            {list.map((one) => (
              <tr key={`${one.provider} ${one.ability}`} data-testid="health-row">
                <th scope="row">
                  <strong>{one.provider}</strong>{' '}
                  <span className="quiet small">{DOES[one.ability] ?? one.ability}</span>
                </th>
                <td>
                  <State health={one} />
                </td>
                <td className="number" data-label="Requests">
                  {count(one.requests)}
                </td>
                <td className="number" data-label="Failed">
                  <span className={(one.failure_share ?? 0) >= BAD ? 'bad' : undefined}>
                    {percent(one.failure_share)}
                  </span>
                  {one.last_error && (
                    <div className="small">
                      <a className="mono" href={`/docs/errors/${one.last_error}`}>
                        {one.last_error}
                      </a>
                    </div>
                  )}
                </td>
                <td className="number" data-label="First answer">
                  {msOrNone(one.first_median_ms)}
                </td>
                <td className="number" data-label="Cost">
                  {costOf(one)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

/** With one digit where there are few: 0.1 % of many is not nothing. */
const percent = (share: number | null | undefined): string =>
  share == null ? '–' : `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

function State({ health: { breakers } }: { health: ProviderHealth }) {
  if (breakers.length === 0) return <span className="tag good">asked</span>;
  return (
    <>
      {breakers.map(({ model, region, open_ms }) => (
        <div key={`${model} ${region}`}>
          <span
            className="tag wrong"
            title="After failures it is passed over, and then one request finds out"
          >
            {open_ms > 0 ? `passed over for ${duration(Math.max(1000, open_ms))}` : 'finding out'}
          </span>
          <div className="quiet small break">{[model, region].filter(Boolean).join(', ')}</div>
        </div>
      ))}
    </>
  );
}
