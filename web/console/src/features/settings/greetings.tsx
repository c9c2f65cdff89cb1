import { Button, Modal, NativeSelect, Switch, Textarea } from '@mantine/core';
import { useState } from 'react';
import type { Greeting } from '../../server';
import { AddIcon, Confirm, Empty, Loading, Problem, Scroll, Time } from '../../shell';
import {
  changeGreeting,
  createGreeting,
  removeGreeting,
  useAgents,
  useChange,
  useEnvironments,
  useGreetings,
} from './queries';

export function Greetings() {
  const greetings = useGreetings();
  const [open, setOpen] = useState<Greeting | 'new' | null>(null);
  if (greetings.isPending) return <Loading rows={3} />;
  if (greetings.isError) return <Problem error={greetings.error} again={() => void greetings.refetch()} />;
  const list = greetings.data.data;
  const make = (
    <Button leftSection={<AddIcon />} onClick={() => setOpen('new')} data-testid="new-greeting">
      New greeting
    </Button>
  );
  return (
    <div className="stack">
      {list.length === 0 ? (
        <Empty title="Agents greet in their own words" action={make}>
          A greeting here is said instead: for one agent, for one environment, or for all.
        </Empty>
      ) : (
        <>
          <div className="row end">{make}</div>
          <Scroll label="Greetings">
            <table className="cards">
              <thead>
                <tr>
                  <th scope="col">Where</th>
                  <th scope="col">Wordings</th>
                  <th scope="col">State</th>
                  <th scope="col">Changed</th>
                  <th scope="col">
                    <span className="hidden">What can be done with it</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {list.map((greeting) => (
                  <Row key={greeting.id} greeting={greeting} open={() => setOpen(greeting)} />
                ))}
              </tbody>
            </table>
          </Scroll>
        </>
      )}
      <Modal
        opened={open !== null}
        onClose={() => setOpen(null)}
        title={open === 'new' ? 'New greeting' : 'Greeting'}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {open && <Form greeting={open === 'new' ? null : open} close={() => setOpen(null)} />}
      </Modal>
    </div>
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
  const [asking, ask] = useState(false);
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
      <td className="tight">
        <Button variant="subtle" onClick={open}>
          Change
        </Button>
        <Button variant="subtle" color="danger" onClick={() => ask(true)}>
          Remove
        </Button>
        <Confirm
          opened={asking}
          close={() => ask(false)}
          title="Remove this greeting?"
          does="Remove"
          act={() => remove.mutateAsync(greeting)}
        >
          Agents greet in their own words again, from the next call on.
        </Confirm>
      </td>
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
      {saving.isError && <Problem small error={saving.error} />}
      <div className="row end">
        <Button variant="default" onClick={close}>
          Cancel
        </Button>
        <Button type="submit" disabled={wordings.length === 0} loading={saving.isPending}>
          Save
        </Button>
      </div>
    </form>
  );
}
