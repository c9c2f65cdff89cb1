// One call, by hand: to try a trunk, or to have somebody called at once. What becomes of it is shown while it does.

import { Button, Modal, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { outcomeName } from '../../outcomes';
import { begunWith } from '../../served';
import type { OutboundCall, Trunk } from '../../server';
import { chosen, Form, Loading, Problem, useAllAgents, useFaultAt, useTrunks } from '../../shell';
import { plain } from '../../words';
import { blank, type CallForm, callerOf, callOf, calls, choices, saysCaller, words } from './form';
import { useFollowed, usePlacing } from './queries';

export function CallBy({
  opened,
  trunk,
  close,
}: {
  opened: boolean;
  /** Chosen at first; the first that can call where it is left out. */
  trunk?: string;
  close: () => void;
}) {
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={trunk ? `Test call by ${trunk}` : 'New call'}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {opened && <Whole trunk={trunk} close={close} />}
    </Modal>
  );
}

function Whole({ trunk, close }: { trunk: string | undefined; close: () => void }) {
  const [placed, setPlaced] = useState<OutboundCall | null>(null);
  const agents = useAllAgents(60_000);
  const trunks = useTrunks({ follow: false });
  if (agents.isLoadingError)
    return <Problem small error={agents.error} again={() => void agents.refetch()} />;
  if (trunks.isLoadingError)
    return <Problem small error={trunks.error} again={() => void trunks.refetch()} />;
  if (agents.isPending || trunks.isPending) return <Loading rows={3} />;
  if (placed) {
    return <Followed call={placed} another={() => setPlaced(null)} close={close} />;
  }
  const callable = agents.data.data.filter((one) => !one.archived);
  return (
    <Make
      trunks={trunks.data.data}
      first={blank(begunWith(callable)?.name ?? '', trunk ?? trunks.data.data.find(calls)?.name ?? '')}
      agents={callable.map((one) => ({ value: one.name, label: one.title || one.name }))}
      placed={setPlaced}
      close={close}
    />
  );
}

type Choices = { value: string; label: string }[];

function Make({
  trunks,
  first,
  agents,
  placed,
  close,
}: {
  trunks: Trunk[];
  first: CallForm;
  agents: Choices;
  placed: (call: OutboundCall) => void;
  close: () => void;
}) {
  const [form, setForm] = useState(first);
  const placing = usePlacing();
  const lacks = !form.to.trim() || !form.trunk || !form.agent;
  return (
    <Form
      error={placing.error}
      words={words}
      submit={() => placing.mutate(callOf(form), { onSuccess: placed })}
      actions={
        <>
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" disabled={lacks} loading={placing.isPending} data-testid="place-call">
            Call
          </Button>
        </>
      }
    >
      <Fields
        form={form}
        set={(part) => setForm((before) => ({ ...before, ...part }))}
        trunks={trunks}
        agents={agents}
      />
    </Form>
  );
}

function Fields({
  form,
  set,
  trunks,
  agents,
}: {
  form: CallForm;
  set: (part: Partial<CallForm>) => void;
  trunks: Trunk[];
  agents: Choices;
}) {
  const at = useFaultAt();
  const caller = callerOf(trunks, form.trunk);
  const chosenTrunk = trunks.find(({ name }) => name === form.trunk);
  return (
    <>
      <TextInput
        label="Number to call"
        placeholder="+4930123456"
        inputMode="tel"
        value={form.to}
        {...at('/to')}
        onChange={(event) => set({ to: chosen(event) })}
        data-autofocus
        data-testid="call-to"
      />
      <div className="pair">
        <NativeSelect
          label="Agent"
          value={form.agent}
          {...at('/agent')}
          onChange={(event) => set({ agent: chosen(event) })}
          data={agents}
          data-testid="call-agent"
        />
        <NativeSelect
          label="Trunk or account"
          value={form.trunk}
          {...at('/trunk')}
          onChange={(event) => set({ trunk: chosen(event) })}
          data={choices(trunks, form.trunk)}
          data-testid="call-trunk"
        />
        <TextInput
          label="Number that the callee sees"
          description={
            saysCaller(trunks, form.trunk)
              ? 'One of the account’s numbers'
              : "The trunk's own where it is empty"
          }
          placeholder={caller ?? ''}
          inputMode="tel"
          value={form.shown}
          {...at('/from')}
          onChange={(event) => set({ shown: chosen(event) })}
          data-testid="call-from"
        />
        <TextInput
          label="May ring for, in seconds"
          inputMode="numeric"
          value={form.ring}
          {...at('/ring_s')}
          onChange={(event) => set({ ring: chosen(event) })}
        />
      </div>
      <NativeSelect
        label="Where a machine answers"
        value={form.machine}
        {...at('/machine_detection')}
        onChange={(event) => set({ machine: chosen(event) as CallForm['machine'] })}
        data={[
          { value: 'speak', label: 'Do not look: the agent speaks to whoever answers' },
          { value: 'hang_up', label: 'Hang up' },
        ]}
      />
      {chosenTrunk?.detail && (
        <p className="note warn" data-testid="call-trunk-says">
          {chosenTrunk.name}: {chosenTrunk.detail}
        </p>
      )}
      <p className="quiet small">Somebody is really called, and the call is paid for as any other.</p>
    </>
  );
}

function Followed({ call, another, close }: { call: OutboundCall; another: () => void; close: () => void }) {
  const followed = useFollowed(call);
  const { state, outcome, to, session_id, sip_status } = followed.data;
  const ended = state === 'ended';
  return (
    <div className="stack">
      <div className="card stack tight" role="status" data-testid="call-followed" data-state={state}>
        <strong className="mono">{to}</strong>
        <span>
          {ended ? outcomeName(outcome ?? '') : `${plain(state).replace(/^./, (one) => one.toUpperCase())}…`}
          {ended && sip_status != null && <span className="quiet"> (SIP {sip_status})</span>}
        </span>
        {session_id && <Link to={`/calls/${session_id}`}>To the call</Link>}
      </div>
      {followed.isError && <Problem small error={followed.error} />}
      <div className="row end">
        {ended && (
          <Button variant="default" onClick={another}>
            Another call
          </Button>
        )}
        <Button onClick={close} data-testid="call-close">
          Close
        </Button>
      </div>
    </div>
  );
}
