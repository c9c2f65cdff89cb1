import { NativeSelect, Switch, TextInput } from '@mantine/core';
import { useState } from 'react';
import { begunWith } from '../../served';
import type { Channel } from '../../server';
import { chosen, Form, useAllAgents, useEnvironments, useFaultAt } from '../../shell';
import {
  type ChannelGiven,
  changeChannel,
  createChannel,
  removeChannel,
  useChange,
  useChannels,
} from './queries';
import { FormEnd, RowActions, SettingsList } from './settings-list';

const KINDS: Record<Channel['kind'], { label: string; address: string; leads: string }> = {
  widget: {
    label: 'Widget',
    address: 'https://shop.example.com',
    leads:
      'The page that it stands on, or a name of lower-case letters, digits and hyphens: it calls the channel by its id',
  },
  room: {
    label: 'Room',
    address: 'the name of the room',
    leads: 'Calls into this room reach the agent, unless a route leads them elsewhere',
  },
  number: {
    label: 'Telephone number',
    address: '+15550100',
    leads: 'Calls to this number reach the agent, unless a route leads them elsewhere',
  },
  host: {
    label: 'Host name',
    address: 'voice.example.com',
    leads: 'Clients that name no agent and come by this name reach the agent',
  },
};

export function Channels() {
  return (
    <SettingsList
      label="Channels"
      testid="channels"
      pages={useChannels()}
      columns={['Address', 'Agent', 'Environment', 'State']}
      empty={{
        title: 'Agents are reached by their names',
        says: 'A channel gives one an address of its own: a page with the widget, a room, a telephone number.',
      }}
      row={(channel, open) => <Row key={channel.id} channel={channel} open={open} />}
      making={{
        noun: 'channel',
        testid: 'new-channel',
        form: (channel, close) => <ChannelForm channel={channel} close={close} />,
      }}
    />
  );
}

function Row({ channel, open }: { channel: Channel; open: () => void }) {
  const agents = useAllAgents();
  const environments = useEnvironments();
  const agent = agents.data?.data.find((one) => one.id === channel.agent_id);
  const environment = environments.data?.data.find((one) => one.id === channel.environment_id);
  const remove = useChange('channels', removeChannel);
  return (
    <tr data-testid="channel-row">
      <th scope="row">
        <strong className="break">{channel.address}</strong>
        <div className="quiet small">{KINDS[channel.kind].label}</div>
        <code className="quiet">{channel.id}</code>
      </th>
      <td data-label="Agent">{agent?.title || agent?.name || channel.agent_id}</td>
      <td data-label="Environment">{environment?.name ?? channel.environment_id}</td>
      <td className="tight" data-label="State">
        <span className={channel.enabled ? 'tag good' : 'tag'}>{channel.enabled ? 'open' : 'closed'}</span>
      </td>
      <RowActions
        name={channel.address}
        noun="channel"
        open={open}
        remove={() => remove.mutateAsync(channel)}
      >
        Calls to <strong>{channel.address}</strong> are refused from then on.
      </RowActions>
    </tr>
  );
}

function ChannelForm({ channel, close }: { channel: Channel | null; close: () => void }) {
  const agents = useAllAgents();
  const environments = useEnvironments();
  const [given, setGiven] = useState<ChannelGiven>(
    channel ?? { kind: 'widget', address: '', agent_id: '', environment_id: '', enabled: true },
  );
  const agent_id =
    given.agent_id || (begunWith((agents.data?.data ?? []).filter((one) => !one.archived))?.id ?? '');
  const environment_id = given.environment_id || (environments.data?.data[0]?.id ?? '');
  const body: ChannelGiven = {
    kind: given.kind,
    address: given.address.trim(),
    agent_id,
    environment_id,
    enabled: given.enabled,
  };
  const saving = useChange('channels', () => (channel ? changeChannel(channel, body) : createChannel(body)));
  return (
    <Form
      error={saving.error}
      submit={() => saving.mutate(undefined, { onSuccess: close })}
      actions={<FormEnd saving={saving} close={close} disabled={!body.address} testid="save-channel" />}
    >
      <ChannelFields
        given={{ ...given, agent_id, environment_id }}
        old={channel !== null}
        change={(next) => setGiven({ ...given, ...next })}
        agents={(agents.data?.data ?? []).map((one) => ({ value: one.id, label: one.title || one.name }))}
        environments={(environments.data?.data ?? []).map((one) => ({ value: one.id, label: one.name }))}
      />
    </Form>
  );
}

type Choices = { value: string; label: string }[];

function ChannelFields({
  given,
  old,
  change,
  agents,
  environments,
}: {
  given: ChannelGiven;
  old: boolean;
  change: (next: Partial<ChannelGiven>) => void;
  agents: Choices;
  environments: Choices;
}) {
  const at = useFaultAt();
  return (
    <>
      <NativeSelect
        label="Kind"
        value={given.kind}
        disabled={old}
        {...at('/kind')}
        onChange={(event) => change({ kind: chosen(event) as Channel['kind'] })}
        data={Object.entries(KINDS).map(([value, { label }]) => ({ value, label }))}
        data-testid="channel-kind"
      />
      <TextInput
        label="Address"
        placeholder={KINDS[given.kind].address}
        value={given.address}
        disabled={old}
        description={old ? 'Stays as it is: another address is another channel' : KINDS[given.kind].leads}
        {...at('/address')}
        onChange={(event) => change({ address: chosen(event) })}
        data-autofocus
        data-testid="channel-address"
      />
      <div className="pair">
        <NativeSelect
          label="Agent"
          value={given.agent_id}
          {...at('/agent_id')}
          onChange={(event) => change({ agent_id: chosen(event) })}
          data={agents}
        />
        <NativeSelect
          label="Environment"
          value={given.environment_id}
          {...at('/environment_id')}
          onChange={(event) => change({ environment_id: chosen(event) })}
          data={environments}
        />
      </div>
      <Switch
        label="Open for calls"
        checked={given.enabled}
        onChange={(event) => change({ enabled: event.currentTarget.checked })}
      />
    </>
  );
}
