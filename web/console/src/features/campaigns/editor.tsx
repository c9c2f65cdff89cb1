import { Button, Checkbox, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { begunWith } from '../../served';
import type { Campaign, Trunk } from '../../server';
import {
  chosen,
  Form,
  Loading,
  Problem,
  Said,
  Schedule,
  useAllAgents,
  useFaultAt,
  useTrunks,
} from '../../shell';
import { choices, saysCaller } from '../trunks';
import { blank, type CampaignForm, campaignOf, formOf, RETRIES, words } from './form';
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
  const trunks = useTrunks({ follow: false });
  if (agents.isPending || trunks.isPending) return <Loading />;
  if (agents.isLoadingError) return <Problem error={agents.error} again={() => void agents.refetch()} />;
  if (trunks.isLoadingError) return <Problem error={trunks.error} again={() => void trunks.refetch()} />;
  const callable = agents.data.data.filter((one) => !one.archived || one.name === campaign?.agent);
  const names = callable.map((one) => ({ value: one.name, label: one.title || one.name }));
  const first = begunWith(callable)?.name ?? '';
  return <Fields campaign={campaign} names={names} trunks={trunks.data.data} first={first} saved={saved} />;
}

type Names = { value: string; label: string }[];

function Fields({
  campaign,
  names,
  trunks,
  first,
  saved,
}: {
  campaign: Campaign | null;
  names: Names;
  trunks: Trunk[];
  /** The agent that a new one begins with. */
  first: string;
  saved: (campaign: Campaign) => void;
}) {
  const [form, setForm] = useState<CampaignForm>(() =>
    campaign ? formOf(campaign) : { ...blank(), agent: first, trunk: trunks[0]?.name ?? '' },
  );
  const set = (part: Partial<CampaignForm>) => setForm((before) => ({ ...before, ...part }));
  const saving = useChange(() => (campaign ? change(campaign, campaignOf(form)) : create(campaignOf(form))));
  const part = { form, set };
  return (
    <Form
      error={saving.error}
      words={words}
      className="stack loose"
      submit={() => saving.mutate(undefined, { onSuccess: saved })}
      actions={
        <Button type="submit" loading={saving.isPending} data-testid="save-campaign">
          {campaign ? 'Save' : 'Make campaign'}
        </Button>
      }
    >
      <Calls {...part} names={names} trunks={trunks} />
      <Machines {...part} />
      <Pace {...part} />
      <Schedule {...part} testid="campaign-scheduled" />
    </Form>
  );
}

interface Part {
  form: CampaignForm;
  set: (part: Partial<CampaignForm>) => void;
}

function Calls({ form, set, names, trunks }: Part & { names: Names; trunks: Trunk[] }) {
  const at = useFaultAt();
  const chosenTrunk = trunks.find(({ name }) => name === form.trunk);
  return (
    <section className="card stack" aria-labelledby="campaign-calls">
      <h2 id="campaign-calls">Who calls</h2>
      <TextInput
        label="Name"
        description="For you and your colleagues"
        value={form.title}
        {...at('/title')}
        onChange={(event) => set({ title: chosen(event) })}
        data-testid="campaign-title"
      />
      <div className="pair">
        <NativeSelect
          label="Agent"
          value={form.agent}
          {...at('/agent')}
          onChange={(event) => set({ agent: chosen(event) })}
          data={names}
          data-testid="campaign-agent"
        />
        <NativeSelect
          label="Trunk or account"
          description="SIP trunks of the server's configuration, and accounts at carriers"
          value={form.trunk}
          {...at('/trunk')}
          onChange={(event) => set({ trunk: chosen(event) })}
          data={[
            ...(form.trunk ? [] : [{ value: '', label: 'There is none' }]),
            ...choices(trunks, form.trunk),
          ]}
          data-testid="campaign-trunk"
        />
        <TextInput
          label="Number that callees see"
          description={
            saysCaller(trunks, form.trunk)
              ? 'One of the account’s numbers'
              : "The trunk's own where it is empty"
          }
          placeholder={chosenTrunk?.caller ?? ''}
          value={form.shown}
          {...at('/from')}
          onChange={(event) => set({ shown: chosen(event) })}
        />
        <TextInput
          label="May ring for, in seconds"
          inputMode="numeric"
          value={form.ring}
          {...at('/ring_s')}
          onChange={(event) => set({ ring: chosen(event) })}
        />
      </div>
      {chosenTrunk?.state === 'unfit' && (
        <p className="note warn" data-testid="campaign-trunk-says">
          By {chosenTrunk.name} nobody can be called: <Said text={chosenTrunk.detail ?? ''} />.
        </p>
      )}
    </section>
  );
}

function Machines({ form, set }: Part) {
  const at = useFaultAt();
  return (
    <section className="card stack" aria-labelledby="campaign-machines">
      <h2 id="campaign-machines">Answering machines</h2>
      <NativeSelect
        label="Where a machine answers"
        value={form.machine}
        {...at('/machine_detection/at_machine')}
        onChange={(event) => set({ machine: chosen(event) as CampaignForm['machine'] })}
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
          {...at('/machine_detection/message')}
          onChange={(event) => set({ message: chosen(event) })}
          data-testid="campaign-message"
        />
      )}
    </section>
  );
}

function Pace({ form, set }: Part) {
  const at = useFaultAt();
  const number = (
    field: 'concurrency' | 'perMinute' | 'attempts' | 'after',
    label: string,
    pointer: string,
  ) => (
    <TextInput
      label={label}
      inputMode="numeric"
      value={form[field]}
      {...at(pointer)}
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
        {...at('/retry/outcomes')}
        onChange={(outcomes) => set({ outcomes: outcomes as CampaignForm['outcomes'] })}
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
