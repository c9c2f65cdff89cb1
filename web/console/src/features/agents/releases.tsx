import { Link } from 'react-router';
import type { Agent } from '../../server';
import { Empty, Loading, More, Problem, Scroll, Time } from '../../shell';
import { plain } from '../../words';
import { useReleases } from './queries';

export function Releases({ agent }: { agent: Agent }) {
  const releases = useReleases(agent.name);
  if (releases.isPending) return <Loading />;
  if (releases.isLoadingError)
    return <Problem error={releases.error} again={() => void releases.refetch()} />;
  if (releases.data.length === 0) {
    return (
      <Empty title="Nothing was released yet">
        Each time a version is put into an environment, or taken back from it, a line stands here.
      </Empty>
    );
  }
  return (
    <div className="stack">
      <Scroll label="Releases">
        <table className="cards" data-testid="releases">
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Environment</th>
              <th scope="col">Version</th>
              <th scope="col">How</th>
              <th scope="col">By</th>
            </tr>
          </thead>
          <tbody>
            {releases.data.map((one) => (
              <tr key={one.created_at + one.environment + one.version}>
                <td className="tight">
                  <Time at={one.created_at} />
                </td>
                <td>
                  <span className={one.environment === 'prod' ? 'tag good' : 'tag'}>{one.environment}</span>
                </td>
                <td className="tight">
                  v{one.version}
                  {one.previous_version != null && (
                    <>
                      {' '}
                      <Link
                        className="small"
                        to={`/agents/${agent.name}/versions?from=${one.previous_version}&to=${one.version}`}
                      >
                        against v{one.previous_version}
                      </Link>
                    </>
                  )}
                </td>
                <td data-label="How">{plain(one.kind)}</td>
                <td className="quiet" data-label="By">
                  {one.created_by}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <More pages={releases}>Older releases</More>
    </div>
  );
}
