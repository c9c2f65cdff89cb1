import type { ReactNode } from 'react';
import { Loading, Problem, Time, useAbout } from '../../shell';

const DOCS: [string, string, string][] = [
  ['/docs', 'API reference', 'Every path, with every field explained'],
  ['/openapi.json', 'OpenAPI document', 'For clients that are generated'],
  ['/docs/errors', 'Errors', 'Every code, what it means and what to do'],
  ['/metrics', 'Metrics', 'For Prometheus'],
];

export function About() {
  const about = useAbout();
  if (about.isPending) return <Loading rows={3} />;
  if (about.isLoadingError) return <Problem error={about.error} again={() => void about.refetch()} />;
  const { version, commit, started_at, server_id, store, calls_active, calls_capacity, principal } =
    about.data;
  const store_kind = store.kind === 'private' ? "the server's own PostgreSQL" : 'PostgreSQL, from outside';
  return (
    <div className="stack">
      <dl className="facts" data-testid="about">
        <Fact name="Version">
          {version} {commit && <code className="quiet">{commit.slice(0, 10)}</code>}
        </Fact>
        <Fact name="Running since">
          <Time at={started_at} />
        </Fact>
        <Fact name="Server">
          <code>{server_id}</code>
        </Fact>
        <Fact name="Store">
          {store_kind} {store.version} {!store.ready && <span className="tag wrong">does not answer</span>}
        </Fact>
        <Fact name="Calls now">
          {calls_active} of {calls_capacity}
        </Fact>
        <Fact name="You are">
          {principal.kind === principal.name ? principal.name : `${principal.kind} ${principal.name}`}
        </Fact>
      </dl>
      <section className="card">
        <h2>Documents</h2>
        <ul className="docs">
          {DOCS.map(([href, name, what]) => (
            <li key={href}>
              <a href={href}>{name}</a> <span className="quiet">{what}</span>
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
