import { Button, Modal, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import type { Template } from '../../server';
import { Loading, Problem } from '../../shell';
import { nameFault } from './definition';
import { useCreate, useTemplates } from './queries';

/** "Corner Florist" as a name for addresses. */
const named = (title: string): string =>
  title
    .toLowerCase()
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 63);

export function CreateAgent({ opened, close }: { opened: boolean; close: () => void }) {
  return (
    <Modal
      opened={opened}
      onClose={close}
      title="New agent"
      size={560}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Form close={close} />
    </Modal>
  );
}

function Form({ close }: { close: () => void }) {
  const [title, setTitle] = useState('');
  const [typed, setTyped] = useState<string | null>(null);
  const [template, setTemplate] = useState<Template['name']>('front-desk');
  const templates = useTemplates(true);
  const create = useCreate();
  const navigate = useNavigate();
  const name = typed ?? named(title);
  const fault = name ? nameFault(name) : null;
  const submit = () =>
    create.mutate(
      { name, title: title.trim() || name, template },
      {
        onSuccess: (agent) => {
          close();
          navigate(`/agents/${agent.name}`);
        },
      },
    );
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div className="pair">
        <TextInput
          label="Title"
          description="For people"
          placeholder="Front desk"
          value={title}
          onChange={(event) => setTitle(event.currentTarget.value)}
          data-autofocus
          data-testid="new-title"
        />
        <TextInput
          label="Name"
          description="In addresses; stays as it is"
          placeholder="front-desk"
          value={name}
          onChange={(event) => setTyped(event.currentTarget.value)}
          error={fault}
          data-testid="new-name"
        />
      </div>
      <fieldset className="choices">
        <legend>Begin with</legend>
        {templates.isPending && <Loading rows={2} />}
        {templates.isError && (
          <Problem small error={templates.error} again={() => void templates.refetch()} />
        )}
        {templates.data?.data.map((one) => (
          <label key={one.name} className="choice">
            <input
              type="radio"
              name="template"
              value={one.name}
              checked={template === one.name}
              onChange={() => setTemplate(one.name)}
              data-testid={`template-${one.name}`}
            />
            <span>
              <strong>{one.title}</strong>
              <span className="quiet">{one.description}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {create.isError && <Problem small error={create.error} />}
      <div className="row end">
        <Button variant="default" onClick={close}>
          Cancel
        </Button>
        <Button
          type="submit"
          loading={create.isPending}
          disabled={!name || fault !== null}
          data-testid="create"
        >
          Create
        </Button>
      </div>
    </form>
  );
}
