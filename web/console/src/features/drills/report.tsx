import type { Drill } from '../../server';
import { Loading, Problem, Scroll } from '../../shell';
import { count, msOrNone, plural } from '../../words';
import { useReport } from './queries';
import { findings, KINDS } from './telling';

/** What came of a drill, as the calls on record tell. */
export function Report({ drill }: { drill: Drill }) {
  const asked = useReport(drill);
  if (asked.isPending) return <Loading rows={4} />;
  if (asked.isLoadingError) return <Problem error={asked.error} again={() => void asked.refetch()} />;
  const report = asked.data;
  const wrong = findings(report);
  return (
    <div className="stack" data-testid="drill-report">
      <p>
        {report.calls === 0
          ? 'No call was struck yet.'
          : `${plural(report.calls, 'call was', 'calls were')} struck, ${count(report.calls_ended)} of them are over.`}{' '}
        {report.calls > 0 &&
          (wrong.length > 0 ? wrong.join(', ') : 'None was lost, and no word was lost or heard twice')}
        {report.calls > 0 && '.'}
      </p>
      <Scroll label="How long callers waited">
        <table>
          <thead>
            <tr>
              <th scope="col">Wait for an answer</th>
              <Amount>Turns</Amount>
              <Amount>p50</Amount>
              <Amount>p95</Amount>
              <Amount>Longest</Amount>
            </tr>
          </thead>
          <tbody>
            {[
              { name: 'Struck calls', waits: report.waits },
              { name: 'Usually', waits: report.usual_waits },
              { name: 'Added', waits: { turns: null, ...report.added } },
            ].map(({ name, waits }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td className="number">{waits.turns == null ? '' : count(waits.turns)}</td>
                <td className="number">{msOrNone(waits.p50_ms)}</td>
                <td className="number">{msOrNone(waits.p95_ms)}</td>
                <td className="number">{msOrNone(waits.max_ms)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {report.answered.length > 0 && (
        <Scroll label="Who answered">
          <table>
            <thead>
              <tr>
                <th scope="col">Provider</th>
                <Amount>Completed</Amount>
                <Amount>Failed</Amount>
                <Amount>Given up</Amount>
              </tr>
            </thead>
            <tbody>
              {report.answered.map((one) => (
                <tr key={one.kind + one.provider}>
                  <th scope="row">
                    {one.provider} <span className="quiet small">{KINDS[one.kind]}</span>
                  </th>
                  <td className="number">{count(one.completed)}</td>
                  <td className="number">{count(one.failed)}</td>
                  <td className="number">{count(one.cancelled)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </div>
  );
}

function Amount({ children }: { children: string }) {
  return (
    <th scope="col" className="number">
      {children}
    </th>
  );
}
