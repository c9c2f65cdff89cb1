import { Empty, Loading, Problem, Scroll, Time } from '../../shell';
import { useAudit } from './queries';

export function Audit() {
  const audit = useAudit();
  if (audit.isPending) return <Loading />;
  if (audit.isError) return <Problem error={audit.error} again={() => void audit.refetch()} />;
  if (audit.data.data.length === 0) {
    return <Empty title="Nothing was changed yet">Each change by anybody stands here, and stays.</Empty>;
  }
  return (
    <Scroll label="Audit">
      <table className="cards" data-testid="audit">
        <thead>
          <tr>
            <th scope="col">When</th>
            <th scope="col">Who</th>
            <th scope="col">What</th>
            <th scope="col">On</th>
            <th scope="col">Request</th>
          </tr>
        </thead>
        <tbody>
          {audit.data.data.map((one) => (
            <tr key={one.id}>
              <td className="tight">
                <Time at={one.at} />
              </td>
              <td>{one.actor}</td>
              <td className="mono">{one.action}</td>
              <td className="mono break">{one.target}</td>
              <td className="mono quiet break">{one.request_id}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
