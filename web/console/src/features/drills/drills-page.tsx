import { Button, Modal, NativeSelect, NumberInput } from '@mantine/core';
import { useState } from 'react';
import type { Drill } from '../../server';
import {
  AddIcon,
  Confirm,
  Empty,
  Loading,
  Page,
  Problem,
  Scroll,
  Time,
  useAllAccounts,
  useEnvironments,
} from '../../shell';
import { type DrillGiven, startDrill, stopDrill, useDrilling, useDrills } from './queries';
import { Report } from './report';
import { FAULTS, KINDS, MOMENTS, percent, told } from './telling';

export default function DrillsPage() {
  const drills = useDrills();
  const [starting, start] = useState(false);
  const make = (
    <Button leftSection={<AddIcon />} onClick={() => start(true)} data-testid="new-drill">
      New drill
    </Button>
  );
  return (
    <Page
      title="Drills"
      about="A provider's outage, put on for a share of the calls of a test environment."
      actions={make}
    >
      {drills.isPending && <Loading rows={3} />}
      {drills.isError && <Problem error={drills.error} again={() => void drills.refetch()} />}
      {drills.data?.data.length === 0 && (
        <Empty title="No drill yet" action={make}>
          A drill shows what callers hear when a vendor fails, before one does. It ends by itself, and never
          strikes callers of prod.
        </Empty>
      )}
      {drills.data && drills.data.data.length > 0 && <Drills drills={drills.data.data} />}
      <Modal
        opened={starting}
        onClose={() => start(false)}
        title="New drill"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {starting && <Form close={() => start(false)} />}
      </Modal>
    </Page>
  );
}

function Drills({ drills }: { drills: Drill[] }) {
  const [shown, show] = useState<Drill | null>(null);
  return (
    <>
      <Scroll label="Drills">
        <table className="cards" data-testid="drills">
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col">Whose calls</th>
              <th scope="col">Started</th>
              <th scope="col">State</th>
              <th scope="col">
                <span className="hidden">What can be done with it</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {drills.map((drill) => (
              <Row key={drill.id} drill={drill} show={() => show(drill)} />
            ))}
          </tbody>
        </table>
      </Scroll>
      <Modal
        opened={shown !== null}
        onClose={() => show(null)}
        title="What came of it"
        size="lg"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {shown && <Report drill={shown} />}
      </Modal>
    </>
  );
}

function Row({ drill, show }: { drill: Drill; show: () => void }) {
  const [asking, ask] = useState(false);
  const stop = useDrilling(stopDrill);
  return (
    <tr data-testid="drill-row">
      <th scope="row">{told(drill)}</th>
      <td>
        {percent(drill.share)} in {drill.environment}
      </td>
      <td>
        <Time at={drill.started_at} /> <span className="quiet small">by {drill.started_by}</span>
      </td>
      <td className="tight">
        <span className={drill.running ? 'tag warn' : 'tag'}>{drill.running ? 'runs' : 'over'}</span>{' '}
        <Time at={drill.stopped_at ?? drill.ends_at} />
      </td>
      <td className="tight">
        <Button variant="subtle" onClick={show} data-testid="drill-shows">
          Report
        </Button>
        {drill.running && (
          <Button variant="subtle" color="danger" onClick={() => ask(true)} data-testid="drill-stop">
            Stop
          </Button>
        )}
        <Confirm
          opened={asking}
          close={() => ask(false)}
          title="Stop this drill?"
          does="Stop"
          danger={false}
          act={() => stop.mutateAsync(drill.id)}
        >
          Calls that run are struck no further. Its report stays.
        </Confirm>
      </td>
    </tr>
  );
}

const choices = (names: Record<string, string>) =>
  Object.entries(names).map(([value, label]) => ({ value, label }));

function Form({ close }: { close: () => void }) {
  const environments = useEnvironments();
  const accounts = useAllAccounts();
  const start = useDrilling(startDrill);
  const [given, setGiven] = useState<DrillGiven>({
    environment: '',
    kind: 'llm',
    fault: 'hang',
    moment: 'before_output',
    share: 1,
    minutes: 10,
  });
  const set = (some: Partial<DrillGiven>) => setGiven({ ...given, ...some });
  const test = (environments.data?.data ?? []).filter((one) => one.name !== 'prod');
  const environment = given.environment || (test[0]?.name ?? '');
  const { provider, ...rest } = given;
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        start.mutate({ ...rest, environment, ...(provider && { provider }) }, { onSuccess: close });
      }}
    >
      <NativeSelect
        label="Environment"
        description="prod is never struck."
        data={test.map((one) => ({ value: one.name, label: one.title }))}
        value={environment}
        onChange={(event) => set({ environment: event.currentTarget.value })}
      />
      <NativeSelect
        label="Kind"
        data={choices(KINDS)}
        value={given.kind}
        onChange={(event) => set({ kind: event.currentTarget.value as Drill['kind'] })}
      />
      <NativeSelect
        label="Provider"
        data={[
          { value: '', label: 'Whichever is asked first' },
          { value: 'built-in', label: 'built-in' },
          ...(accounts.data?.data ?? []).map((one) => ({ value: one.name, label: one.name })),
        ]}
        value={provider ?? ''}
        onChange={(event) => set({ provider: event.currentTarget.value })}
      />
      <NativeSelect
        label="Fault"
        data={choices(FAULTS)}
        value={given.fault}
        onChange={(event) => set({ fault: event.currentTarget.value as Drill['fault'] })}
      />
      <NativeSelect
        label="Moment"
        data={choices(MOMENTS)}
        value={given.moment}
        onChange={(event) => set({ moment: event.currentTarget.value as Drill['moment'] })}
      />
      <NumberInput
        label="Share of calls, in %"
        min={0.1}
        max={100}
        value={given.share * 100}
        onChange={(value) => set({ share: Number(value) / 100 })}
      />
      <NumberInput
        label="Minutes"
        description="Then it ends by itself."
        min={1}
        max={240}
        allowDecimal={false}
        value={given.minutes}
        onChange={(value) => set({ minutes: Number(value) })}
      />
      {start.isError && <Problem small error={start.error} />}
      <div className="row end">
        <Button type="submit" loading={start.isPending} disabled={!environment} data-testid="start-drill">
          Start
        </Button>
      </div>
    </form>
  );
}
