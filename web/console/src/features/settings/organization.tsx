import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { Organization } from '../../server';
import { Loading, notice, Problem, useAbout } from '../../shell';
import { changeOrganization, useChange } from './queries';

export function OrganizationForm() {
  const about = useAbout();
  if (about.isPending) return <Loading rows={2} />;
  if (about.isError) return <Problem error={about.error} again={() => void about.refetch()} />;
  const { organization } = about.data;
  return <Form key={organization.revision} organization={organization} />;
}

function Form({ organization }: { organization: Organization }) {
  const [title, setTitle] = useState(organization.title);
  const [days, setDays] = useState(String(organization.recordings_keep_days ?? ''));
  const [regions, setRegions] = useState(organization.residency.join(', '));
  const saving = useChange('about', () =>
    changeOrganization(organization, {
      title: title.trim(),
      ...(days !== '' && { recordings_keep_days: Number(days) }),
      residency: regions.split(/[\s,]+/).filter(Boolean),
    }),
  );
  const wrong = days !== '' && !/^\d{1,5}$/.test(days);
  return (
    <form
      className="card stack form"
      onSubmit={(event) => {
        event.preventDefault();
        saving.mutate(undefined, { onSuccess: () => notice('Saved') });
      }}
    >
      <TextInput label="Name" value={organization.name} readOnly description="In addresses; stays as it is" />
      <TextInput
        label="Title"
        value={title}
        onChange={(event) => setTitle(event.currentTarget.value)}
        data-testid="organization-title"
      />
      <TextInput
        label="Recordings are kept for, days"
        description="Then the sound is deleted; words and times of a call stay"
        inputMode="numeric"
        value={days}
        error={wrong ? 'A whole number of days' : undefined}
        onChange={(event) => setDays(event.currentTarget.value)}
        data-testid="recording-days"
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
