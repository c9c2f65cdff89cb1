import { Loading, Problem, Scroll } from '../../shell';
import { Accounts } from './accounts';
import { ProvidersHealth } from './health';
import { useProviders } from './queries';

const KINDS: Record<string, string> = {
  stt: 'Hears',
  llm: 'Thinks',
  tts: 'Speaks',
  vad: 'Notices speech',
  embed: 'Compares meanings',
};

export function Providers() {
  const providers = useProviders();
  if (providers.isPending) return <Loading rows={4} />;
  if (providers.isLoadingError)
    return <Problem error={providers.error} again={() => void providers.refetch()} />;
  return (
    <div className="stack">
      <Accounts />
      <ProvidersHealth />
      <h2>Built in</h2>
      <Scroll label="Providers">
        <table className="cards" data-testid="providers">
          <thead>
            <tr>
              <th scope="col">Does</th>
              <th scope="col">Provider</th>
              <th scope="col">Which</th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {providers.data.data.map((one) => (
              <tr key={one.kind + one.name}>
                <th scope="row">
                  {KINDS[one.kind] ?? one.kind} <span className="quiet small">{one.kind}</span>
                </th>
                <td>{one.name}</td>
                <td className="break">{one.detail}</td>
                <td className="tight">
                  <span className={one.ready ? 'tag good' : 'tag warn'}>
                    {one.ready ? 'ready' : 'not ready'}
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </div>
  );
}
