import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import type { Agent } from '../../server';
import { AddIcon, Empty, Loading, More, Page, Problem, Scroll, Time } from '../../shell';
import { CreateAgent } from './create-agent';
import './agents.css';
import { useAgents } from './queries';

export function AgentList() {
  const agents = useAgents();
  const [creating, setCreating] = useState(false);
  const list = agents.data?.filter((agent) => !agent.archived) ?? [];
  const create = (
    <Button leftSection={<AddIcon />} onClick={() => setCreating(true)} data-testid="create-agent">
      New agent
    </Button>
  );
  return (
    <Page
      title="Agents"
      about="What answers, and which version of it answers where."
      actions={list.length > 0 && create}
    >
      {agents.isPending && <Loading />}
      {agents.isError && <Problem error={agents.error} again={() => void agents.refetch()} />}
      {agents.isSuccess && list.length === 0 && (
        <Empty title="No agent yet" action={create}>
          Begin with a template: it can be talked to at once, and changed while you talk.
        </Empty>
      )}
      {list.length > 0 && (
        <div className="stack">
          <Table agents={list} />
          <More pages={agents} />
        </div>
      )}
      <CreateAgent opened={creating} close={() => setCreating(false)} />
    </Page>
  );
}

function Table({ agents }: { agents: Agent[] }) {
  return (
    <Scroll label="Agents">
      <table className="cards" data-testid="agents">
        <thead>
          <tr>
            <th scope="col">Agent</th>
            <th scope="col">In production</th>
            <th scope="col">Elsewhere</th>
            <th scope="col">Draft</th>
            <th scope="col">Last change</th>
          </tr>
        </thead>
        <tbody>
          {agents.map((agent) => (
            <Row key={agent.id} agent={agent} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Row({ agent }: { agent: Agent }) {
  const { prod, ...others } = agent.aliases;
  return (
    <tr className="linked" data-testid="agent-row" data-name={agent.name}>
      <th scope="row">
        <Link className="whole" to={`/agents/${agent.name}`}>
          {agent.title || agent.name}
        </Link>
        <div className="mono quiet">{agent.name}</div>
      </th>
      <td data-label="Production">
        {prod ? <span className="tag good">v{prod}</span> : <span className="tag">not published</span>}
      </td>
      <td data-label="Elsewhere">
        <span className="row">
          {Object.entries(others).map(([environment, version]) => (
            <span className="tag" key={environment}>
              {environment} v{version}
            </span>
          ))}
          {Object.keys(others).length === 0 && <span className="quiet">–</span>}
        </span>
      </td>
      <td data-label="Draft">
        {agent.draft_differs ? (
          <span className="tag warn">unpublished changes</span>
        ) : (
          <span className="quiet">as published</span>
        )}
      </td>
      <td className="tight" data-label="Last change">
        <Time at={agent.updated_at} />
      </td>
    </tr>
  );
}
