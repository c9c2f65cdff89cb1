import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { Organization } from '../../server';
import { Loading, notice, Problem, useAbout } from '../../shell';
import { changeOrganization, useChange } from './queries';
import { days, milliseconds, written } from './whole';

export function OrganizationForm() {
  const about = useAbout();
  if (about.isPending) return <Loading rows={2} />;
  if (about.isLoadingError) return <Problem error={about.error} again={() => void about.refetch()} />;
  const { organization } = about.data;
  return <Form key={organization.revision} organization={organization} />;
}

function Form({ organization }: { organization: Organization }) {
  const [title, setTitle] = useState(organization.title);
  const [calls, setCalls] = useState(written(organization.calls_keep_days));
  const [recordings, setRecordings] = useState(written(organization.recordings_keep_days));
  const [regions, setRegions] = useState(organization.residency.join(', '));
  const [within, setWithin] = useState(written(organization.latency_target_ms));
  const saving = useChange('about', () =>
    changeOrganization(organization, {
      title: title.trim(),
      calls_keep_days: days.of(calls) ?? null,
      recordings_keep_days: days.of(recordings) ?? null,
      latency_target_ms: milliseconds.of(within) ?? null,
      residency: regions.split(/[\s,]+/).filter(Boolean),
    }),
  );
  const wrong = [days.refusal(calls), days.refusal(recordings), milliseconds.refusal(within)].some(Boolean);
  return (
    <form
      className="card stack form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!wrong) saving.mutate(undefined, { onSuccess: () => notice('Saved') });
      }}
    >
      <TextInput label="Name" value={organization.name} readOnly description="In addresses; stays as it is" />
      <TextInput
        label="Title"
        value={title}
        onChange={(event) => setTitle(event.currentTarget.value)}
        data-testid="organization-title"
      />
      <Days
        label="Days that calls are kept"
        about="Then a call is deleted with its words and its sound; figures and costs stay"
        text={calls}
        set={setCalls}
        testid="call-days"
      />
      <Days
        label="Days that recordings are kept"
        about="Then the sound is deleted; words and times of a call stay. The server may keep sound for fewer days"
        text={recordings}
        set={setRecordings}
        testid="recording-days"
      />
      <TextInput
        label="Response time wanted, in ms"
        description="While the p95 of an agent is above it, its calls do what saves time. For agents that name none of their own. Empty: none"
        placeholder="None"
        inputMode="numeric"
        value={within}
        error={milliseconds.refusal(within)}
        onChange={(event) => setWithin(event.currentTarget.value)}
        data-testid="latency-target"
      />
      <TextInput
        label="Regions of vendors"
        description="Accounts elsewhere, or that do not say where they are, are never asked. Names or their beginning and *, such as eu, europe-*. Empty: anywhere"
        value={regions}
        onChange={(event) => setRegions(event.currentTarget.value)}
        data-testid="residency"
      />
      {saving.isError && <Problem small error={saving.error} />}
      <div className="row end">
        <Button type="submit" disabled={wrong} loading={saving.isPending} data-testid="save-organization">
          Save
        </Button>
      </div>
    </form>
  );
}

function Days({
  label,
  about,
  text,
  set,
  testid,
}: {
  label: string;
  about: string;
  text: string;
  set: (text: string) => void;
  testid: string;
}) {
  return (
    <TextInput
      label={label}
      description={`${about}. Empty: kept for ever`}
      placeholder="For ever"
      inputMode="numeric"
      value={text}
      error={days.refusal(text)}
      onChange={(event) => set(event.currentTarget.value)}
      data-testid={testid}
    />
  );
}
