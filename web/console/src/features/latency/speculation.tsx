// What asking language models ahead of the end of turns came to, by agent.

import type { Activity } from '../../server';
import { Scroll } from '../../shell';
import { compact, count } from '../../words';

const percent = (share: number | null | undefined): string =>
  share == null ? '–' : `${Math.round(share * 100)} %`;

export function Speculation({ activity }: { activity: Activity }) {
  const agents = activity.speculation;
  if (agents.length === 0) return null;
  return (
    <section className="stack tight" aria-labelledby="speculation">
      <h2 id="speculation">Asked ahead of the end of turns</h2>
      <Scroll label="Asked ahead, by agent">
        <table className="cards" data-testid="speculation">
          <thead>
            <tr>
              <th scope="col">Agent</th>
              <th scope="col" className="number">
                Hit rate
              </th>
              <th scope="col" className="number">
                Adopted
              </th>
              <th scope="col" className="number">
                In vain
              </th>
              <th scope="col" className="number">
                Wasted tokens
              </th>
            </tr>
          </thead>
          <tbody>
            {agents.map((one) => (
              <tr key={one.agent}>
                <th scope="row">{one.agent}</th>
                <td className="number" data-label="Hit rate">
                  {percent(one.hit_rate)}
                </td>
                <td className="number" data-label="Adopted">
                  {count(one.adopted)}
                </td>
                <td className="number" data-label="In vain">
                  {count(one.discarded)}
                </td>
                <td className="number" data-label="Wasted tokens">
                  {compact(one.wasted_tokens)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
