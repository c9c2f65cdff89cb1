// Keys of programs. The key itself is shown once, when it is made; afterwards the server has no more than its mark.

import { Button, Modal, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { ApiKey, NewApiKey } from '../../server';
import { Confirm, Copy, chosen, Form, notice, Problem, Time, useFaultAt } from '../../shell';
import { createKey, revokeKey, rotateKey, useChange, useKeys } from './queries';
import { FormEnd, SettingsList } from './settings-list';

const DAY_S = 86_400;

export function Keys() {
  const [shown, show] = useState<NewApiKey | null>(null);
  return (
    <div className="stack">
      {shown && <Shown made={shown} close={() => show(null)} />}
      <SettingsList
        label="API keys"
        testid="keys"
        pages={useKeys()}
        columns={['Name', 'Key', 'Made', 'Last used', 'State']}
        empty={{
          title: 'No key yet',
          says: 'A program that starts calls or changes agents needs one. It has all rights within this organization.',
        }}
        row={(key) => <Row key={key.id} apiKey={key} show={show} />}
        making={{
          noun: 'API key',
          testid: 'new-key',
          form: (_, close) => <Make close={close} made={show} />,
        }}
      />
    </div>
  );
}

function Shown({ made, close }: { made: NewApiKey; close: () => void }) {
  return (
    <section className="card stack tight" aria-labelledby="new-key" data-testid="shown-key">
      <h2 id="new-key">The key “{made.name}”</h2>
      {made.key ? (
        <>
          <p>Copy it now: it is not shown again, and nobody can find it out later.</p>
          <div className="key">
            <code data-testid="key">{made.key}</code>
            <Copy text={made.key} />
          </div>
        </>
      ) : (
        // A request that was sent twice: the first answer had it.
        <p className="note warn">
          It was made, and its one showing was lost on the way. Rotate it for another one.
        </p>
      )}
      <div className="row end">
        <Button variant="subtle" onClick={close}>
          I have it
        </Button>
      </div>
    </section>
  );
}

function stateOf(key: ApiKey): { word: string; kind: string; gone: boolean } {
  const past = (time: string | null | undefined) => time != null && Date.parse(time) <= Date.now();
  if (past(key.revoked_at)) return { word: 'revoked', kind: 'wrong', gone: true };
  if (past(key.expires_at)) return { word: 'expired', kind: 'wrong', gone: true };
  if (key.revoked_at) return { word: 'ends soon', kind: 'warn', gone: false };
  return { word: 'valid', kind: 'good', gone: false };
}

function Row({ apiKey, show }: { apiKey: ApiKey; show: (made: NewApiKey) => void }) {
  const [asking, ask] = useState<'revoke' | 'rotate' | null>(null);
  const revoke = useChange('api-keys', revokeKey);
  const { word, kind, gone } = stateOf(apiKey);
  return (
    <tr data-testid="key-row" data-name={apiKey.name}>
      <th scope="row">
        <strong>{apiKey.name}</strong>
      </th>
      <td className="mono" data-label="Key">
        {apiKey.hint}
      </td>
      <td className="tight" data-label="Made">
        <Time at={apiKey.created_at} />
        <div className="quiet small">{apiKey.created_by}</div>
      </td>
      <td className="tight" data-label="Last used">
        {apiKey.last_used_at ? <Time at={apiKey.last_used_at} /> : <span className="quiet">never</span>}
      </td>
      <td className="tight" data-label="State">
        <span className={`tag ${kind}`}>{word}</span>
        {apiKey.expires_at && !gone && (
          <div className="quiet small">
            until <Time at={apiKey.expires_at} />
          </div>
        )}
      </td>
      <td className="tight">
        {!gone && (
          <>
            <Button
              variant="subtle"
              onClick={() => ask('rotate')}
              aria-label={`Rotate ${apiKey.name}`}
              data-testid="rotate"
            >
              Rotate
            </Button>
            <Button
              variant="subtle"
              color="danger"
              onClick={() => ask('revoke')}
              aria-label={`Revoke ${apiKey.name}`}
              data-testid="revoke"
            >
              Revoke
            </Button>
          </>
        )}
        <Confirm
          opened={asking === 'revoke'}
          close={() => ask(null)}
          title={`Revoke “${apiKey.name}”?`}
          does="Revoke"
          act={async () => {
            await revoke.mutateAsync(apiKey.id);
            notice(`The key “${apiKey.name}” is revoked`);
          }}
        >
          Programs that use it are refused within seconds. This cannot be undone.
        </Confirm>
        <Rotate apiKey={apiKey} opened={asking === 'rotate'} close={() => ask(null)} made={show} />
      </td>
    </tr>
  );
}

function Rotate({
  apiKey,
  opened,
  close,
  made,
}: {
  apiKey: ApiKey;
  opened: boolean;
  close: () => void;
  made: (key: NewApiKey) => void;
}) {
  const [grace, setGrace] = useState(String(DAY_S));
  const rotate = useChange('api-keys', rotateKey);
  return (
    <Modal
      opened={opened}
      onClose={close}
      title={`Rotate “${apiKey.name}”`}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <div className="stack">
        <p>
          A new key is made. The old one goes on for a while, so that programs can be changed without a gap.
        </p>
        <NativeSelect
          label="The old key stays valid for"
          value={grace}
          onChange={(event) => setGrace(event.currentTarget.value)}
          data={[
            { value: '0', label: 'no longer' },
            { value: '3600', label: 'an hour' },
            { value: String(DAY_S), label: 'a day' },
            { value: String(7 * DAY_S), label: 'a week' },
          ]}
        />
        {rotate.isError && <Problem small error={rotate.error} />}
        <div className="row end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button
            loading={rotate.isPending}
            onClick={() =>
              rotate.mutate(
                { id: apiKey.id, grace_seconds: Number(grace) },
                {
                  onSuccess: (key) => {
                    made(key);
                    close();
                  },
                },
              )
            }
            data-testid="rotate-now"
          >
            Make a new key
          </Button>
        </div>
      </div>
    </Modal>
  );
}

function Make({ close, made }: { close: () => void; made: (key: NewApiKey) => void }) {
  const [name, setName] = useState('');
  const [days, setDays] = useState('');
  const create = useChange('api-keys', createKey);
  const expires = days ? new Date(Date.now() + Number(days) * DAY_S * 1000).toISOString() : null;
  return (
    <Form
      error={create.error}
      submit={() =>
        create.mutate(
          { name: name.trim(), ...(expires && { expires_at: expires }) },
          {
            onSuccess: (key) => {
              made(key);
              close();
            },
          },
        )
      }
      actions={
        <FormEnd
          saving={create}
          close={close}
          disabled={!name.trim()}
          does="Make the key"
          testid="make-key"
        />
      }
    >
      <KeyFields name={name} setName={setName} days={days} setDays={setDays} />
    </Form>
  );
}

function KeyFields({
  name,
  setName,
  days,
  setDays,
}: {
  name: string;
  setName: (name: string) => void;
  /** Empty: for ever. */
  days: string;
  setDays: (days: string) => void;
}) {
  const at = useFaultAt();
  return (
    <>
      <TextInput
        label="Name"
        description="Which program it is for"
        value={name}
        {...at('/name')}
        onChange={(event) => setName(chosen(event))}
        data-autofocus
        data-testid="key-name"
      />
      <NativeSelect
        label="Valid"
        value={days}
        {...at('/expires_at')}
        onChange={(event) => setDays(chosen(event))}
        data={[
          { value: '', label: 'until it is revoked' },
          { value: '30', label: 'for 30 days' },
          { value: '90', label: 'for 90 days' },
          { value: '365', label: 'for a year' },
        ]}
      />
    </>
  );
}
