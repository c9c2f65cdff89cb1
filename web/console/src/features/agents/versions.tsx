// Versions never change: they are compared, brought back into the draft, and put into environments.

import { Button, NativeSelect } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useSearchParams } from 'react-router';
import type { Agent, Moved, Problem as Reported, Version } from '../../server';
import { Confirm, Empty, Loading, More, notice, Problem, Scroll, Time, useEnvironments } from '../../shell';
import { ChangeList } from './change-list';
import type { Keeper } from './keeper';
import { LostRoutesDialog } from './lost-routes';
import {
  keptFrom,
  release,
  restore,
  rollBack,
  useAfterRelease,
  useAliases,
  useComparison,
  useVersions,
} from './queries';

export function Versions({ agent, keeper }: { agent: Agent; keeper: Keeper<Reported> }) {
  const versions = useVersions(agent.name);
  if (versions.isPending) return <Loading />;
  if (versions.isLoadingError)
    return <Problem error={versions.error} again={() => void versions.refetch()} />;
  const list = versions.data;
  if (list.length === 0) {
    return (
      <Empty title="Nothing was published yet">
        The draft can be talked to as it is. Publish it, and callers reach it by the agent's name.
      </Empty>
    );
  }
  return (
    <div className="stack loose">
      <Environments agent={agent} versions={list} />
      <section className="stack tight">
        <h2>Versions</h2>
        <Scroll label="Versions">
          <table className="cards" data-testid="versions">
            <thead>
              <tr>
                <th scope="col">Version</th>
                <th scope="col">Note</th>
                <th scope="col">Published</th>
                <th scope="col">
                  <span className="hidden">What can be done with it</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {list.map((version) => (
                <Row key={version.id} agent={agent} version={version} keeper={keeper} />
              ))}
            </tbody>
          </table>
        </Scroll>
        <More pages={versions}>Older versions</More>
      </section>
      <Compare agent={agent} versions={list} />
    </div>
  );
}

function Environments({ agent, versions }: { agent: Agent; versions: Version[] }) {
  const environments = useEnvironments();
  const aliases = useAliases(agent.name);
  if (environments.isLoadingError || aliases.isLoadingError) {
    return <Problem small error={environments.error ?? aliases.error} />;
  }
  if (!environments.data || !aliases.data) return <Loading rows={1} />;
  return (
    <section className="places" aria-label="Environments">
      {environments.data.data.map(({ name, title }) => {
        const there = aliases.data.data.find((alias) => alias.environment === name);
        return (
          <Place
            key={name}
            agent={agent}
            name={name}
            title={title}
            version={there?.version ?? null}
            before={there?.previous_version ?? null}
            since={there?.updated_at ?? null}
            versions={versions}
          />
        );
      })}
    </section>
  );
}

function Place({
  agent,
  name,
  title,
  version,
  before,
  since,
  versions,
}: {
  agent: Agent;
  name: string;
  title: string;
  version: number | null;
  /** Where a roll back goes to. */
  before: number | null;
  since: string | null;
  versions: Version[];
}) {
  const after = useAfterRelease(agent.name);
  const [asking, setAsking] = useState(false);
  const [wanted, setWanted] = useState<number>();
  const [lost, setLost] = useState<Moved | null>(null);
  const tell = (moved: Moved) => moved.routes_without_node.length > 0 && setLost(moved);
  const putting = useMutation({
    mutationFn: (number: number) => release(agent.name, name, number),
    onSuccess: async (alias) => {
      notice(`Version ${alias.version} is in ${name}`);
      tell(alias);
      await after();
    },
  });
  const back = async () => {
    const alias = await rollBack(agent.name, name);
    notice(`${name} is back at version ${alias.version}`);
    tell(alias);
    await after();
  };
  return (
    <div className="card stack tight" data-testid="environment" data-name={name}>
      <div className="row apart">
        <h2 title={title}>{name}</h2>
        {version ? (
          <span className={name === 'prod' ? 'tag good' : 'tag'} data-testid="environment-version">
            v{version}
          </span>
        ) : (
          <span className="tag">nothing</span>
        )}
      </div>
      <p className="quiet small">{since ? <>since {<Time at={since} />}</> : 'Calls to it are refused.'}</p>
      <div className="row">
        <NativeSelect
          aria-label={`Version in ${name}`}
          value=""
          disabled={putting.isPending}
          onChange={(event) => setWanted(Number(event.currentTarget.value) || undefined)}
          data={[
            { label: 'Change to…', value: '' },
            ...versions
              .filter((one) => one.number !== version)
              .map((one) => ({ label: `v${one.number}`, value: String(one.number) })),
          ]}
        />
        {version !== null && before !== null && (
          <Button variant="default" onClick={() => setAsking(true)} data-testid="roll-back">
            Roll back
          </Button>
        )}
      </div>
      <Confirm
        opened={wanted !== undefined}
        close={() => setWanted(undefined)}
        title={`Change ${name} to version ${wanted ?? ''}?`}
        does="Change"
        danger={false}
        act={async () => {
          if (wanted !== undefined) await putting.mutateAsync(wanted);
        }}
      >
        New calls to {name} get version {wanted}. Running calls keep what they have; the draft stays as it is.
      </Confirm>
      <Confirm
        opened={asking}
        close={() => setAsking(false)}
        title={`Roll ${name} back?`}
        does="Roll back"
        danger={false}
        act={back}
      >
        New calls to {name} get version {before} again, in place of version {version}. Running calls keep what
        they have; the draft stays as it is.
      </Confirm>
      <LostRoutesDialog moved={lost} environment={name} close={() => setLost(null)} />
    </div>
  );
}

function Row({ agent, version, keeper }: { agent: Agent; version: Version; keeper: Keeper<Reported> }) {
  const [asking, setAsking] = useState(false);
  const [search, setSearch] = useSearchParams();
  const bring = async () => {
    await keeper.flush();
    const draft = await restore(agent.name, version.number, keeper.get().revision);
    keeper.replace(keptFrom(draft));
    notice(`The draft is version ${version.number} now`);
  };
  const compare = () => {
    const next = new URLSearchParams(search);
    next.set('from', String(version.number));
    next.set('to', 'draft');
    setSearch(next, { preventScrollReset: true });
  };
  return (
    <tr data-testid="version-row" data-number={version.number}>
      <th scope="row">
        <span className="row">
          <strong>v{version.number}</strong>
          {version.environments.map((name) => (
            <span key={name} className={name === 'prod' ? 'tag good' : 'tag'}>
              {name}
            </span>
          ))}
        </span>
        <code className="quiet" title={version.content_hash}>
          {version.content_hash.replace('sha256:', '').slice(0, 10)}
        </code>
      </th>
      <td className="words">{version.note || <span className="quiet">no note</span>}</td>
      <td className="tight" data-label="Published">
        <Time at={version.created_at} />
        <div className="quiet small">{version.created_by}</div>
      </td>
      <td className="tight">
        <Button variant="subtle" onClick={compare}>
          Compare
        </Button>
        <Button variant="subtle" onClick={() => setAsking(true)} data-testid="restore">
          Restore
        </Button>
        <Confirm
          opened={asking}
          close={() => setAsking(false)}
          title={`Make version ${version.number} the draft?`}
          does="Restore into the draft"
          danger={false}
          act={bring}
        >
          What the draft has now is replaced. Publish it first if it should be kept.
        </Confirm>
      </td>
    </tr>
  );
}

function Compare({ agent, versions }: { agent: Agent; versions: Version[] }) {
  const [search, setSearch] = useSearchParams();
  const newest = String(versions[0]?.number ?? '');
  const from = search.get('from') ?? newest;
  const to = search.get('to') ?? 'draft';
  const comparison = useComparison(agent.name, from, to);
  const choose = (name: 'from' | 'to', value: string) => {
    const next = new URLSearchParams({ from, to });
    next.set(name, value);
    setSearch(next, { replace: true, preventScrollReset: true });
  };
  // One that the address names may be older than those that were read.
  const numbers = new Set(
    [...versions.map((one) => String(one.number)), from, to].filter((one) => one !== 'draft'),
  );
  const choices = [
    { label: 'the draft', value: 'draft' },
    ...[...numbers].map((number) => ({ label: `version ${number}`, value: number })),
  ];
  return (
    <section className="stack tight" data-testid="compare">
      <h2>What changed</h2>
      <div className="row">
        <span>From</span>
        <NativeSelect
          aria-label="From"
          value={from}
          onChange={(event) => choose('from', event.currentTarget.value)}
          data={choices}
        />
        <span>to</span>
        <NativeSelect
          aria-label="To"
          value={to}
          onChange={(event) => choose('to', event.currentTarget.value)}
          data={choices}
        />
      </div>
      {comparison.isLoading && <Loading rows={2} />}
      {comparison.isError && <Problem small error={comparison.error} />}
      {from === to ? (
        <p className="quiet">Choose two different ones.</p>
      ) : (
        comparison.data && <ChangeList changes={comparison.data.changes} />
      )}
    </section>
  );
}
