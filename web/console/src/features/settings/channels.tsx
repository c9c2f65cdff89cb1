import { Button, Modal, NativeSelect, Switch, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { Channel } from '../../server';
import { AddIcon, Confirm, Empty, Loading, Problem, Scroll } from '../../shell';
import {
  type ChannelGiven,
  changeChannel,
  createChannel,
  removeChannel,
  useAgents,
  useChange,
  useChannels,
  useEnvironments,
} from './queries';

const KINDS: Record<Channel['kind'], { label: string; address: string }> = {
  widget: { label: 'Widget', address: 'https://shop.example.com' },
  room: { label: 'Room', address: 'the name of the room' },
  number: { label: 'Telephone number', address: '+15550100' },
  host: { label: 'Host name', address: 'voice.example.com' },
};

export function Channels() {
  const channels = useChannels();
  const [open, setOpen] = useState<Channel | 'new' | null>(null);
  if (channels.isPending) return <Loading rows={3} />;
  if (channels.isError) return <Problem error={channels.error} again={() => void channels.refetch()} />;
  const list = channels.data.data;
  const make = (
    <Button leftSection={<AddIcon />} onClick={() => setOpen('new')} data-testid="new-channel">
      New channel
    </Button>
  );
  return (
    <div className="stack">
      {list.length === 0 ? (
        <Empty title="Agents are reached by their names" action={make}>
          A channel gives one an address of its own: a page with the widget, a room, a telephone number.
        </Empty>
      ) : (
        <>
          <div className="row end">{make}</div>
          <Scroll label="Channels">
            <table className="cards">
              <thead>
                <tr>
                  <th scope="col">Address</th>
                  <th scope="col">Agent</th>
                  <th scope="col">Environment</th>
                  <th scope="col">State</th>
                  <th scope="col">
                    <span className="hidden">What can be done with it</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {list.map((channel) => (
                  <Row key={channel.id} channel={channel} open={() => setOpen(channel)} />
                ))}
              </tbody>
            </table>
          </Scroll>
        </>
      )}
      <Modal
        opened={open !== null}
        onClose={() => setOpen(null)}
        title={open === 'new' ? 'New channel' : 'Channel'}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {open && <Form channel={open === 'new' ? null : open} close={() => setOpen(null)} />}
      </Modal>
    </div>
  );
}

function Row({ channel, open }: { channel: Channel; open: () => void }) {
  const agents = useAgents();
  const environments = useEnvironments();
  const agent = agents.data?.data.find((one) => one.id === channel.agent_id);
  const environment = environments.data?.data.find((one) => one.id === channel.environment_id);
  const [asking, ask] = useState(false);
  const remove = useChange('channels', removeChannel);
  return (
    <tr data-testid="channel-row">
      <th scope="row">
        <strong className="break">{channel.address}</strong>
        <div className="quiet small">{KINDS[channel.kind].label}</div>
        <code className="quiet">{channel.id}</code>
      </th>
      <td>{agent?.title || agent?.name || channel.agent_id}</td>
      <td>{environment?.name ?? channel.environment_id}</td>
      <td className="tight">
        <span className={channel.enabled ? 'tag good' : 'tag'}>{channel.enabled ? 'open' : 'closed'}</span>
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
          title="Remove this channel?"
          does="Remove"
          act={() => remove.mutateAsync(channel)}
        >
          Calls to <strong>{channel.address}</strong> are refused from then on.
        </Confirm>
      </td>
    </tr>
  );
}

function Form({ channel, close }: { channel: Channel | null; close: () => void }) {
  const agents = useAgents();
  const environments = useEnvironments();
  const [given, setGiven] = useState<ChannelGiven>(
    channel ?? { kind: 'widget', address: '', agent_id: '', environment_id: '', enabled: true },
  );
  const change = (next: Partial<ChannelGiven>) => setGiven({ ...given, ...next });
  const agent_id = given.agent_id || (agents.data?.data[0]?.id ?? '');
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
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        saving.mutate(undefined, { onSuccess: close });
      }}
    >
      <NativeSelect
        label="Kind"
        value={given.kind}
        disabled={channel !== null}
        onChange={(event) => change({ kind: event.currentTarget.value as Channel['kind'] })}
        data={Object.entries(KINDS).map(([value, { label }]) => ({ value, label }))}
      />
      <TextInput
        label="Address"
        placeholder={KINDS[given.kind].address}
        value={given.address}
        disabled={channel !== null}
        description={channel ? 'Stays as it is: another address is another channel' : undefined}
        onChange={(event) => change({ address: event.currentTarget.value })}
        data-autofocus
      />
      <div className="pair">
        <NativeSelect
          label="Agent"
          value={agent_id}
          onChange={(event) => change({ agent_id: event.currentTarget.value })}
          data={(agents.data?.data ?? []).map((one) => ({ value: one.id, label: one.title || one.name }))}
        />
        <NativeSelect
          label="Environment"
          value={environment_id}
          onChange={(event) => change({ environment_id: event.currentTarget.value })}
          data={(environments.data?.data ?? []).map((one) => ({ value: one.id, label: one.name }))}
        />
      </div>
      <Switch
        label="Open for calls"
        checked={given.enabled}
        onChange={(event) => change({ enabled: event.currentTarget.checked })}
      />
      {saving.isError && <Problem small error={saving.error} />}
      <div className="row end">
        <Button variant="default" onClick={close}>
          Cancel
        </Button>
        <Button type="submit" disabled={!body.address} loading={saving.isPending}>
          Save
        </Button>
      </div>
    </form>
  );
}
