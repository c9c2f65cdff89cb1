import { NativeSelect, Switch, Textarea } from '@mantine/core';
import { useState } from 'react';
import type { Greeting } from '../../server';
import { Time } from '../../shell';
import {
  changeGreeting,
  createGreeting,
  removeGreeting,
  useAgents,
  useChange,
  useEnvironments,
  useGreetings,
} from './queries';
import { FormEnd, RowActions, SettingsList } from './settings-list';

export function Greetings() {
  return (
    <SettingsList
      label="Greetings"
      testid="greetings"
      pages={useGreetings()}
      columns={['Where', 'Wordings', 'State', 'Changed']}
      empty={{
        title: 'Agents greet in their own words',
        says: 'A greeting here is said instead: for one agent, for one environment, or for all.',
      }}
      row={(greeting, open) => <Row key={greeting.id} greeting={greeting} open={open} />}
      making={{
        noun: 'greeting',
        testid: 'new-greeting',
        form: (greeting, close) => <Form greeting={greeting} close={close} />,
      }}
    />
  );
}

function useNames() {
  const agents = useAgents();
  const environments = useEnvironments();
  return {
    agents: agents.data?.data ?? [],
    environments: environments.data?.data ?? [],
    where: ({ agent_id, environment_id }: Greeting): string => {
      const agent = agents.data?.data.find((one) => one.id === agent_id);
      const environment = environments.data?.data.find((one) => one.id === environment_id);
      return `${agent_id ? (agent?.title ?? agent_id) : 'All agents'}, ${environment_id ? (environment?.name ?? environment_id) : 'everywhere'}`;
    },
  };
}

function Row({ greeting, open }: { greeting: Greeting; open: () => void }) {
  const { where } = useNames();
  const remove = useChange('greetings', removeGreeting);
  return (
    <tr data-testid="greeting-row">
      <th scope="row">{where(greeting)}</th>
      <td className="break">
        {greeting.wordings.map((text) => (
          <div key={text}>{text}</div>
        ))}
      </td>
      <td className="tight">
        <span className={greeting.enabled ? 'tag good' : 'tag'}>
          {greeting.enabled ? 'said' : 'switched off'}
        </span>
      </td>
      <td className="tight">
        <Time at={greeting.updated_at} />
      </td>
      <RowActions
        name={`the greeting of ${where(greeting)}`}
        noun="greeting"
        open={open}
        remove={() => remove.mutateAsync(greeting)}
      >
        Agents greet in their own words again, from the next call on.
      </RowActions>
    </tr>
  );
}

function Form({ greeting, close }: { greeting: Greeting | null; close: () => void }) {
  const { agents, environments } = useNames();
  const [agent, setAgent] = useState(greeting?.agent_id ?? '');
  const [environment, setEnvironment] = useState(greeting?.environment_id ?? '');
  const [text, setText] = useState(greeting?.wordings.join('\n') ?? '');
  const [enabled, setEnabled] = useState(greeting?.enabled ?? true);
  const wordings = text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const saving = useChange('greetings', () =>
    greeting
      ? changeGreeting(greeting, { wordings, enabled })
      : createGreeting({
          wordings,
          enabled,
          ...(agent && { agent_id: agent }),
          ...(environment && { environment_id: environment }),
        }),
  );
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        saving.mutate(undefined, { onSuccess: close });
      }}
    >
      <div className="pair">
        <NativeSelect
          label="Agent"
          value={agent}
          disabled={greeting !== null}
          onChange={(event) => setAgent(event.currentTarget.value)}
          data={[
            { value: '', label: 'All agents' },
            ...agents.map((one) => ({ value: one.id, label: one.title || one.name })),
          ]}
        />
        <NativeSelect
          label="Environment"
          value={environment}
          disabled={greeting !== null}
          onChange={(event) => setEnvironment(event.currentTarget.value)}
          data={[
            { value: '', label: 'Everywhere' },
            ...environments.map((one) => ({ value: one.id, label: one.name })),
          ]}
        />
      </div>
      <Textarea
        label="Wordings"
        description="One on each line; they take turns"
        autosize
        minRows={3}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        data-autofocus
        data-testid="greeting-wordings"
      />
      <Switch
        label="Said to callers"
        checked={enabled}
        onChange={(event) => setEnabled(event.currentTarget.checked)}
      />
      <FormEnd saving={saving} close={close} disabled={wordings.length === 0} />
    </form>
  );
}
