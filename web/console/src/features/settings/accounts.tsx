import { Button, Modal, NativeSelect, PasswordInput, Switch, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { ProviderAccount, Vendor } from '../../server';
import { Loading, Problem, useVendors } from '../../shell';
import {
  type AccountGiven,
  changeAccount,
  createAccount,
  removeAccount,
  useAccounts,
  useChange,
} from './queries';
import { FormEnd, RowActions, SettingsList } from './settings-list';
import { Trial } from './trial';

/** Accounts at vendors of speech and language: with whose key calls are heard, answered and spoken. */
export function Accounts() {
  const accounts = useAccounts();
  const vendors = useVendors();
  const [trying, setTrying] = useState<ProviderAccount | null>(null);
  if (vendors.isPending) return <Loading rows={3} />;
  if (vendors.isError) return <Problem error={vendors.error} again={() => void vendors.refetch()} />;
  const known = vendors.data.data;
  const titled = (name: string) => known.find((one) => one.vendor === name);
  return (
    <div className="stack">
      <h2>Accounts at vendors</h2>
      <SettingsList
        label="Accounts at vendors"
        testid="accounts"
        pages={accounts}
        columns={['Name', 'Vendor', 'Key', 'State']}
        empty={{
          title: 'The built-in models hear and speak',
          says: 'With an account at a vendor agents can think with a language model, hear better, or speak with another voice. Its key is kept encrypted and never shown again.',
        }}
        row={(account, open) => (
          <Row
            key={account.id}
            account={account}
            title={titled(account.vendor)?.title ?? account.vendor}
            open={open}
            test={() => setTrying(account)}
          />
        )}
        making={{
          noun: 'account',
          testid: 'new-account',
          form: (account, close) => <Form vendors={known} account={account} close={close} />,
        }}
      />
      <Modal
        opened={trying !== null}
        onClose={() => setTrying(null)}
        title={`Test ${trying?.name ?? ''}`}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {trying && <Trial account={trying} abilities={titled(trying.vendor)?.abilities ?? []} />}
      </Modal>
    </div>
  );
}

/** Telephone calls come by it, and nothing is heard, thought or spoken there. */
const carries = (vendor: Vendor['vendor']) => vendor === 'twilio' || vendor === 'telnyx';

function Row({
  account,
  title,
  open,
  test,
}: {
  account: ProviderAccount;
  title: string;
  open: () => void;
  test: () => void;
}) {
  const remove = useChange('provider-accounts', removeAccount);
  const models = [account.options.stt_model, account.options.llm_model, account.options.tts_model];
  return (
    <tr data-testid="account-row">
      <th scope="row">
        <strong>{account.name}</strong>
        {models.some(Boolean) && <div className="quiet small break">{models.filter(Boolean).join(', ')}</div>}
      </th>
      <td data-label="Vendor">
        {title}
        {account.options.region && <span className="quiet small"> {account.options.region}</span>}
        {carries(account.vendor) && (
          <div className="quiet small break">{`Webhook: ${location.origin}/carriers/${account.id}/voice`}</div>
        )}
        {account.options.base_url && <div className="quiet small break">{account.options.base_url}</div>}
      </td>
      <td className="tight" data-label="Key">
        <code>{account.key_hint ?? 'none'}</code>
      </td>
      <td className="tight" data-label="State">
        <span className={account.enabled ? 'tag good' : 'tag'}>{account.enabled ? 'in use' : 'off'}</span>
      </td>
      <RowActions
        name={account.name}
        noun="account"
        open={open}
        remove={() => remove.mutateAsync(account)}
        before={
          !carries(account.vendor) && (
            <Button
              variant="subtle"
              onClick={test}
              aria-label={`Test ${account.name}`}
              data-testid="test-account"
            >
              Test
            </Button>
          )
        }
      >
        Calls of agents that name <strong>{account.name}</strong> go on with their next provider. The key is
        deleted.
      </RowActions>
    </tr>
  );
}

function Form({
  vendors,
  account,
  close,
}: {
  vendors: Vendor[];
  account: ProviderAccount | null;
  close: () => void;
}) {
  const first = vendors[0]?.vendor ?? 'openai';
  const [given, setGiven] = useState<AccountGiven>(
    account
      ? {
          name: account.name,
          vendor: account.vendor,
          options: account.options,
          enabled: account.enabled,
          key: '',
        }
      : { name: '', vendor: first, options: {}, enabled: true, key: '' },
  );
  const [named, setNamed] = useState(account !== null);
  const change = (next: Partial<AccountGiven>) => setGiven({ ...given, ...next });
  const option = (key: keyof AccountGiven['options'], value: string) =>
    change({ options: { ...given.options, [key]: value || undefined } });
  const about = vendors.find((one) => one.vendor === given.vendor);
  const name = named ? given.name : given.vendor.replaceAll('_', '-');
  const body: AccountGiven = { ...given, name, key: given.key.trim() };
  const saving = useChange('provider-accounts', () =>
    account ? changeAccount(account, body) : createAccount(body),
  );
  const can = (ability: string) => about?.abilities.some((one) => one === ability) ?? false;
  const lacks =
    !name ||
    (about?.needs_key && !account && !body.key) ||
    (about?.needs_region && !given.options.region && !given.options.base_url) ||
    (given.vendor === 'twilio' && !given.options.account_sid) ||
    (given.vendor === 'telnyx' && !given.options.public_key) ||
    (about?.needs_base_url && !given.options.base_url);
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        saving.mutate(undefined, { onSuccess: close });
      }}
    >
      <div className="pair">
        <NativeSelect
          label="Vendor"
          value={given.vendor}
          disabled={account !== null}
          onChange={(event) => change({ vendor: event.currentTarget.value as AccountGiven['vendor'] })}
          data={vendors.map((one) => ({ value: one.vendor, label: one.title }))}
          data-testid="account-vendor"
        />
        <TextInput
          label="Name"
          description="What agents name it by"
          value={name}
          disabled={account !== null}
          onChange={(event) => {
            setNamed(true);
            change({ name: event.currentTarget.value });
          }}
          data-testid="account-name"
        />
      </div>
      <PasswordInput
        label="Key"
        description={
          account?.key_hint
            ? `Leave empty to keep the one that ends in ${account.key_hint}`
            : 'Kept encrypted and never shown again'
        }
        autoComplete="off"
        value={given.key}
        onChange={(event) => change({ key: event.currentTarget.value })}
        data-testid="account-key"
      />
      <div className="pair">
        {given.vendor === 'twilio' && (
          <TextInput
            label="Account SID"
            description="The key above is its auth token"
            placeholder="AC…"
            value={given.options.account_sid ?? ''}
            onChange={(event) => option('account_sid', event.currentTarget.value.trim())}
          />
        )}
        {given.vendor === 'telnyx' && (
          <TextInput
            label="Public key"
            description="With which its webhooks are verified"
            value={given.options.public_key ?? ''}
            onChange={(event) => option('public_key', event.currentTarget.value.trim())}
          />
        )}
        {about && !carries(given.vendor) && (
          <TextInput
            label="Region"
            description={about.needs_region ? undefined : 'Where its servers are, for data residency'}
            placeholder={
              given.vendor === 'google' ? 'global' : about.needs_region ? 'westeurope' : 'not said'
            }
            value={given.options.region ?? ''}
            onChange={(event) => option('region', event.currentTarget.value)}
          />
        )}
        {(about?.needs_base_url || given.options.base_url) && (
          <TextInput
            label="Address"
            placeholder="https://llm.example.com/v1"
            value={given.options.base_url ?? ''}
            onChange={(event) => option('base_url', event.currentTarget.value)}
          />
        )}
      </div>
      <div className="pair">
        {can('llm') && (
          <TextInput
            label="Language model"
            placeholder={about?.llm_model ?? ''}
            value={given.options.llm_model ?? ''}
            onChange={(event) => option('llm_model', event.currentTarget.value)}
          />
        )}
        {can('stt') && (
          <TextInput
            label="Speech model"
            placeholder={about?.stt_model ?? ''}
            value={given.options.stt_model ?? ''}
            onChange={(event) => option('stt_model', event.currentTarget.value)}
          />
        )}
        {can('tts') && (
          <TextInput
            label="Voice"
            placeholder={about?.voice ?? ''}
            value={given.options.voice ?? ''}
            onChange={(event) => option('voice', event.currentTarget.value)}
          />
        )}
      </div>
      <Switch
        label="In use"
        checked={given.enabled}
        onChange={(event) => change({ enabled: event.currentTarget.checked })}
      />
      <FormEnd saving={saving} close={close} disabled={Boolean(lacks)} testid="save-account" />
    </form>
  );
}
