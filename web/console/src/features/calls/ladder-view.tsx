import { position } from '../../words';
import { failed, type Rung } from './ladder';

/** What passed between the caller's network and this server. Each message opens. */
export function Ladder({ rungs }: { rungs: readonly Rung[] }) {
  return (
    <section className="stack tight" data-testid="ladder">
      <h2>SIP messages</h2>
      <p className="quiet small">Passwords and keys are left out.</p>
      <ol className="ladder">
        <li className="ladder-ends" aria-hidden="true">
          <span />
          <span>Caller's side</span>
          <span>This server</span>
        </li>
        {rungs.map((rung, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: two messages may be alike in all they have
          <li key={index} data-testid="rung">
            <span className="number quiet">{position(rung.atMs)}</span>
            <details className={rung.sent ? 'rung sent' : 'rung received'}>
              <summary>
                <span className="hidden">{rung.sent ? 'sent: ' : 'received: '}</span>
                <span className={failed(rung) ? 'mono bad' : 'mono'}>{rung.what}</span>
              </summary>
              <pre className="small">{rung.text}</pre>
            </details>
          </li>
        ))}
      </ol>
    </section>
  );
}
