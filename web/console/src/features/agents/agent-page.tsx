// One agent: its draft, its versions, and what was released where.

import { Button } from '@mantine/core';
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { Link, Navigate, NavLink, useParams } from 'react-router';
import type { Agent, Draft } from '../../server';
import { Loading, leadTo, Page, Problem, Said, session, TalkIcon } from '../../shell';
import { plural } from '../../words';
import { errorsAmong } from './definition';
import { DraftForm } from './draft-form';
import { type Editing, EditingContext } from './fields';
import { Keeper, type Keeping } from './keeper';
import { MergeView } from './merge-view';
import { Publish } from './publish';
import { keptFrom, save, useAgent, useDraft } from './queries';
import { Releases } from './releases';
import { TalkPanel } from './talk-panel';
import { Versions } from './versions';
import './agents.css';

const TABS = { draft: 'Draft', versions: 'Versions', releases: 'Releases' } as const;

export default function AgentPage() {
  const { name = '', tab = 'draft' } = useParams();
  const agent = useAgent(name);
  const draft = useDraft(name);
  if (!Object.hasOwn(TABS, tab)) return <Navigate to={`/agents/${name}`} replace />;
  const error = agent.error ?? draft.error;
  if (error && !(agent.data && draft.data)) {
    const again = () => void Promise.all([agent.refetch(), draft.refetch()]);
    return (
      <Page title={name} crumbs={<Link to="/agents">Agents</Link>}>
        <Problem error={error} again={again} />
      </Page>
    );
  }
  if (!agent.data || !draft.data) {
    return (
      <Page title={name} crumbs={<Link to="/agents">Agents</Link>}>
        <Loading />
      </Page>
    );
  }
  return <Loaded key={agent.data.id} agent={agent.data} draft={draft.data} tab={tab as keyof typeof TABS} />;
}

function useKeeper(agent: Agent, draft: Draft) {
  const [keeper] = useState(() => new Keeper(keptFrom(draft), save(agent.name)));
  const kept = useSyncExternalStore(keeper.subscribe, keeper.get);
  // The keeper's timer runs beside React, and the browser asks before a page with unsaved words is closed.
  useEffect(() => {
    keeper.open();
    const ask = (event: BeforeUnloadEvent) => {
      if (keeper.get().state !== 'saved') event.preventDefault();
    };
    window.addEventListener('beforeunload', ask);
    return () => {
      window.removeEventListener('beforeunload', ask);
      keeper.close();
    };
  }, [keeper]);
  // So does the session: what could not be saved at the door is saved when it has opened.
  useEffect(() => {
    if (kept.state === 'failed') session.watch(kept.error);
    return session.subscribe(() => {
      if (!session.isOut() && keeper.get().state === 'failed') void keeper.flush();
    });
  }, [kept, keeper]);
  return { keeper, kept };
}

function Loaded({ agent, draft, tab }: { agent: Agent; draft: Draft; tab: keyof typeof TABS }) {
  const { keeper, kept } = useKeeper(agent, draft);
  const [talking, setTalking] = useState(false);
  const [publishing, setPublishing] = useState(false);
  const editing = useMemo<Editing>(
    () => ({
      definition: kept.definition,
      problems: kept.problems,
      edit: (change) => keeper.edit(change),
    }),
    [kept.definition, kept.problems, keeper],
  );
  const title = typeof kept.definition.title === 'string' ? kept.definition.title : agent.title;
  const opener = useRef<HTMLButtonElement>(null);
  const talk = () => {
    void keeper.flush();
    setTalking(true);
  };
  const hush = () => {
    setTalking(false);
    opener.current?.focus();
  };
  return (
    <Page
      title={title || agent.name}
      crumbs={<Link to="/agents">Agents</Link>}
      about={
        <span className="row">
          <span className="mono">{agent.name}</span>
          {Object.entries(agent.aliases).map(([environment, version]) => (
            <span className={environment === 'prod' ? 'tag good' : 'tag'} key={environment}>
              {environment} v{version}
            </span>
          ))}
          <SaveState kept={kept} again={keeper.flush} />
        </span>
      }
      actions={
        <>
          <Button ref={opener} variant="default" leftSection={<TalkIcon />} onClick={talk} data-testid="talk">
            Talk to the draft
          </Button>
          <Button onClick={() => setPublishing(true)} data-testid="publish">
            Publish…
          </Button>
        </>
      }
    >
      <nav className="tabs" aria-label="Parts of this agent">
        {Object.entries(TABS).map(([to, label]) => (
          <NavLink key={to} end to={to === 'draft' ? `/agents/${agent.name}` : `/agents/${agent.name}/${to}`}>
            {label}
          </NavLink>
        ))}
      </nav>
      <div className={talking ? 'beside' : ''}>
        <div className="stack">
          {tab === 'draft' && kept.state === 'conflict' && (
            <MergeView kept={kept} resolve={(definition) => void keeper.resolve(definition)} />
          )}
          {tab === 'draft' && (
            <EditingContext value={editing}>
              <Findings kept={kept} />
              <DraftForm agent={agent} />
            </EditingContext>
          )}
          {tab === 'versions' && <Versions agent={agent} keeper={keeper} />}
          {tab === 'releases' && <Releases agent={agent} />}
        </div>
        {talking && <TalkPanel agent={agent.name} title={title || agent.name} kept={kept} close={hush} />}
      </div>
      <Publish agent={agent} keeper={keeper} opened={publishing} close={() => setPublishing(false)} />
    </Page>
  );
}

const STATES = {
  saved: 'Draft saved',
  waiting: 'Not saved yet',
  saving: 'Saving…',
  failed: 'Not saved',
  conflict: 'Changed elsewhere',
};

function SaveState({ kept, again }: { kept: Keeping<unknown>; again: () => Promise<void> }) {
  const wrong = kept.state === 'failed' || kept.state === 'conflict';
  return (
    <>
      <span
        role="status"
        className={wrong ? 'tag wrong' : 'tag'}
        data-testid="save-state"
        data-state={kept.state}
      >
        {STATES[kept.state]}
      </span>
      {kept.state === 'failed' && (
        <Button variant="subtle" onClick={() => void again()}>
          Save again
        </Button>
      )}
    </>
  );
}

/** What keeps the draft from being published, each a way to its field. */
function Findings({ kept }: { kept: Keeping<Draft['problems'][number]> }) {
  const box = useRef<HTMLDetailsElement>(null);
  const errors = errorsAmong(kept.problems).length;
  const warnings = kept.problems.length - errors;
  if (kept.state === 'failed') return <Problem small error={kept.error} />;
  if (kept.problems.length === 0) return null;
  const words = [errors && plural(errors, 'problem'), warnings && plural(warnings, 'warning')].filter(
    Boolean,
  );
  return (
    <details
      ref={box}
      className={errors ? 'note wrong' : 'note warn'}
      open={errors > 0}
      data-testid="findings"
    >
      <summary>
        <strong>{words.join(' and ')}</strong>
        {errors > 0 && ': this draft is kept, and cannot be published yet'}
      </summary>
      <ul className="small">
        {kept.problems.map((one) => (
          <li key={one.pointer + one.detail}>
            <button type="button" className="link mono" onClick={() => leadTo(one.pointer)}>
              {one.pointer || '/'}
            </button>{' '}
            <Said text={one.detail} />
          </li>
        ))}
      </ul>
    </details>
  );
}
