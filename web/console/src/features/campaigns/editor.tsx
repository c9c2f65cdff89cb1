import { Button, Checkbox, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { faultsAt } from '../../hours';
import { type Campaign, type Refusal, refusalOf } from '../../server';
import { chosen, Loading, Problem, Schedule, useAllAgents } from '../../shell';
import { blank, campaignOf, type Form, formOf, RETRIES } from './form';
import { change, create, useChange } from './queries';

/** What a campaign is to do. */
export function Editor({
  campaign,
  saved,
}: {
  campaign: Campaign | null;
  saved: (campaign: Campaign) => void;
}) {
  const agents = useAllAgents(60_000);
  if (agents.isPending) return <Loading />;
  if (agents.isError) return <Problem error={agents.error} again={() => void agents.refetch()} />;
  const names = agents.data.data
    .filter((one) => !one.archived || one.name === campaign?.agent)
    .map((one) => ({ value: one.name, label: one.title || one.name }));
  return <Fields campaign={campaign} names={names} saved={saved} />;
}

type Names = { value: string; label: string }[];

function Fields({
  campaign,
  names,
  saved,
}: {
  campaign: Campaign | null;
  names: Names;
  saved: (campaign: Campaign) => void;
}) {
  const [form, setForm] = useState<Form>(() =>
    campaign ? formOf(campaign) : { ...blank(), agent: names[0]?.value ?? '' },
  );
  const set = (part: Partial<Form>) => setForm((before) => ({ ...before, ...part }));
  const saving = useChange(() => (campaign ? change(campaign, campaignOf(form)) : create(campaignOf(form))));
  const errors = saving.isError ? refusalOf(saving.error).errors : [];
  const part = { form, set, errors };
  return (
    <form
      className="stack loose"
      onSubmit={(event) => {
        event.preventDefault();
        saving.mutate(undefined, { onSuccess: saved });
      }}
    >
      <Calls {...part} names={names} />
      <Machines {...part} />
      <Pace {...part} />
      <Schedule form={form} set={set} errors={errors} testid="campaign-scheduled" />
      {saving.isError && <Problem error={saving.error} />}
      <div className="row end">
        <Button type="submit" loading={saving.isPending} data-testid="save-campaign">
          {campaign ? 'Save' : 'Make campaign'}
        </Button>
      </div>
    </form>
  );
}

interface Part {
  form: Form;
  set: (part: Partial<Form>) => void;
  errors: Refusal['errors'];
}

function Calls({ form, set, errors, names }: Part & { names: Names }) {
  return (
    <section className="card stack" aria-labelledby="campaign-calls">
      <h2 id="campaign-calls">Who calls</h2>
      <TextInput
        label="Name"
        description="For you and your colleagues"
        value={form.title}
        error={faultsAt(errors, '/title')}
        onChange={(event) => set({ title: chosen(event) })}
        data-testid="campaign-title"
      />
      <div className="pair">
        <NativeSelect
          label="Agent"
          value={form.agent}
          onChange={(event) => set({ agent: chosen(event) })}
          data={names}
          data-testid="campaign-agent"
        />
        <TextInput
          label="Trunk"
          description="Its name in the server's configuration"
          value={form.trunk}
          error={faultsAt(errors, '/trunk')}
          onChange={(event) => set({ trunk: chosen(event) })}
          data-testid="campaign-trunk"
        />
        <TextInput
          label="Number that callees see"
          description="The trunk's own where it is empty"
          value={form.shown}
          error={faultsAt(errors, '/from')}
          onChange={(event) => set({ shown: chosen(event) })}
        />
        <TextInput
          label="May ring for, in seconds"
          inputMode="numeric"
          value={form.ring}
          error={faultsAt(errors, '/ring_s')}
          onChange={(event) => set({ ring: chosen(event) })}
        />
      </div>
    </section>
  );
}

function Machines({ form, set, errors }: Part) {
  return (
    <section className="card stack" aria-labelledby="campaign-machines">
      <h2 id="campaign-machines">Answering machines</h2>
      <NativeSelect
        label="Where a machine answers"
        value={form.machine}
        onChange={(event) => set({ machine: chosen(event) as Form['machine'] })}
        data={[
          { value: 'speak', label: 'Do not look: the agent speaks to whoever answers' },
          { value: 'hang_up', label: 'Hang up' },
          { value: 'leave_message', label: 'Leave a message after the beep' },
        ]}
        data-testid="campaign-machine"
      />
      {form.machine === 'leave_message' && (
        <Textarea
          label="Message"
          description='Written as greetings are: {caller.name|default:"there"}'
          autosize
          minRows={2}
          value={form.message}
          error={faultsAt(errors, '/machine_detection/message')}
          onChange={(event) => set({ message: chosen(event) })}
          data-testid="campaign-message"
        />
      )}
    </section>
  );
}

function Pace({ form, set, errors }: Part) {
  const number = (
    field: 'concurrency' | 'perMinute' | 'attempts' | 'after',
    label: string,
    pointer: string,
  ) => (
    <TextInput
      label={label}
      inputMode="numeric"
      value={form[field]}
      error={faultsAt(errors, pointer)}
      onChange={(event) => set({ [field]: chosen(event) })}
      data-testid={`campaign-${field}`}
    />
  );
  return (
    <section className="card stack" aria-labelledby="campaign-pace">
      <h2 id="campaign-pace">Pace and further calls</h2>
      <div className="pair">
        {number('concurrency', 'Calls at once', '/concurrency')}
        {number('perMinute', 'Calls a minute', '/per_minute')}
        {number('attempts', 'Calls to one contact', '/retry/attempts')}
        {number('after', 'Minutes between them', '/retry/after_s')}
      </div>
      <Checkbox.Group
        label="Call again after"
        value={form.outcomes}
        onChange={(outcomes) => set({ outcomes: outcomes as Form['outcomes'] })}
      >
        <div className="retries">
          {RETRIES.map(([value, label]) => (
            <Checkbox key={value} value={value} label={label} />
          ))}
        </div>
      </Checkbox.Group>
    </section>
  );
}
