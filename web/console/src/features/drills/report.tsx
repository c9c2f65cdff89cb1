import type { Drill } from '../../server';
import { Loading, Problem, Scroll } from '../../shell';
import { useReport } from './queries';
import { findings, KINDS, ms } from './telling';

/** What came of a drill, as the calls on record tell. */
export function Report({ drill }: { drill: Drill }) {
  const asked = useReport(drill);
  if (asked.isPending) return <Loading rows={4} />;
  if (asked.isError) return <Problem error={asked.error} again={() => void asked.refetch()} />;
  const report = asked.data;
  const wrong = findings(report);
  return (
    <div className="stack" data-testid="drill-report">
      <p>
        {report.calls === 0
          ? 'No call was struck yet.'
          : `${report.calls} ${report.calls === 1 ? 'call was' : 'calls were'} struck, ${report.calls_ended} of them are over.`}{' '}
        {report.calls > 0 &&
          (wrong.length > 0 ? wrong.join(', ') : 'None was lost, and no word was lost or heard twice')}
        {report.calls > 0 && '.'}
      </p>
      <Scroll label="How long callers waited">
        <table>
          <thead>
            <tr>
              <th scope="col">Wait for an answer</th>
              <th scope="col">Turns</th>
              <th scope="col">p50</th>
              <th scope="col">p95</th>
              <th scope="col">Longest</th>
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
                <td>{waits.turns ?? ''}</td>
                <td>{ms(waits.p50_ms)}</td>
                <td>{ms(waits.p95_ms)}</td>
                <td>{ms(waits.max_ms)}</td>
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
                <th scope="col">Completed</th>
                <th scope="col">Failed</th>
                <th scope="col">Given up</th>
              </tr>
            </thead>
            <tbody>
              {report.answered.map((one) => (
                <tr key={one.kind + one.provider}>
                  <th scope="row">
                    {one.provider} <span className="quiet small">{KINDS[one.kind]}</span>
                  </th>
                  <td>{one.completed}</td>
                  <td>{one.failed}</td>
                  <td>{one.cancelled}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </div>
  );
}
