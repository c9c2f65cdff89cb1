import { Button, Modal, NativeSelect, PasswordInput, Switch, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { ProviderAccount, Vendor } from '../../server';
import { chosen, Form, Loading, Problem, useFaultAt, useTrunks, useVendors } from '../../shell';
import { CallBy, Light } from '../trunks';
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
  const calling = trying && carries(trying.vendor) ? trying : null;
  if (vendors.isPending) return <Loading rows={3} />;
  if (vendors.isLoadingError) return <Problem error={vendors.error} again={() => void vendors.refetch()} />;
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
          form: (account, close) => <AccountForm vendors={known} account={account} close={close} />,
        }}
      />
      {calling && <CallBy opened trunk={calling.name} close={() => setTrying(null)} />}
      <Modal
        opened={trying !== null && !calling}
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
      <td className={carries(account.vendor) ? 'words' : 'tight'} data-label="State">
        <span className={account.enabled ? 'tag good' : 'tag'}>{account.enabled ? 'in use' : 'off'}</span>
        {carries(account.vendor) && account.enabled && <CallsOut id={account.id} />}
      </td>
      <RowActions
        name={account.name}
        noun="account"
        open={open}
        remove={() => remove.mutateAsync(account)}
        before={
          carries(account.vendor) ? (
            <Button
              variant="subtle"
              disabled={!account.enabled}
              onClick={test}
              aria-label={`Test call by ${account.name}`}
              data-testid="test-account-call"
            >
              Test call
            </Button>
          ) : (
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

/** Whether calls out can go by it. */
function CallsOut({ id }: { id: string }) {
  const trunks = useTrunks({ follow: true });
  const trunk = trunks.data?.data.find((one) => one.account_id === id);
  if (!trunk) return null;
  return (
    <div className="small">
      <span className="quiet">Calls out: </span>
      <Light trunk={trunk} />
    </div>
  );
}

function AccountForm({
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
  const about = vendors.find((one) => one.vendor === given.vendor);
  const name = named ? given.name : given.vendor.replaceAll('_', '-');
  const body: AccountGiven = { ...given, name, key: given.key.trim() };
  const saving = useChange('provider-accounts', () =>
    account ? changeAccount(account, body) : createAccount(body),
  );
  const lacks =
    !name ||
    (about?.needs_key && !account && !body.key) ||
    (about?.needs_region && !given.options.region && !given.options.base_url) ||
    (given.vendor === 'twilio' && !given.options.account_sid) ||
    (given.vendor === 'telnyx' && !given.options.public_key) ||
    (about?.needs_base_url && !given.options.base_url);
  return (
    <Form
      error={saving.error}
      submit={() => saving.mutate(undefined, { onSuccess: close })}
      actions={<FormEnd saving={saving} close={close} disabled={Boolean(lacks)} testid="save-account" />}
    >
      <Whose
        given={{ ...given, name }}
        account={account}
        vendors={vendors}
        change={(next) => {
          if (next.name !== undefined) setNamed(true);
          change(next);
        }}
      />
      <Place given={given} about={about} change={change} />
      <Models given={given} about={about} change={change} />
      <Switch
        label="In use"
        checked={given.enabled}
        onChange={(event) => change({ enabled: event.currentTarget.checked })}
      />
    </Form>
  );
}

interface Part {
  given: AccountGiven;
  change: (next: Partial<AccountGiven>) => void;
}

function Whose({
  given,
  account,
  vendors,
  change,
}: Part & { account: ProviderAccount | null; vendors: Vendor[] }) {
  const at = useFaultAt();
  return (
    <>
      <div className="pair">
        <NativeSelect
          label="Vendor"
          value={given.vendor}
          disabled={account !== null}
          {...at('/vendor')}
          onChange={(event) => change({ vendor: chosen(event) as AccountGiven['vendor'] })}
          data={vendors.map((one) => ({ value: one.vendor, label: one.title }))}
          data-testid="account-vendor"
        />
        <TextInput
          label="Name"
          description={
            carries(given.vendor) ? 'What calls, campaigns and routes name it by' : 'What agents name it by'
          }
          value={given.name}
          disabled={account !== null}
          {...at('/name')}
          onChange={(event) => change({ name: chosen(event) })}
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
        {...at('/key')}
        onChange={(event) => change({ key: chosen(event) })}
        data-testid="account-key"
      />
    </>
  );
}

type Option = keyof AccountGiven['options'];

/** A text among the options: its value, and what is wrong with it. */
function useOption({ given, change }: Part) {
  const at = useFaultAt();
  return (key: Option) => ({
    value: given.options[key] ?? '',
    ...at(`/options/${key}`),
    onChange: (event: { currentTarget: { value: string } }) =>
      change({ options: { ...given.options, [key]: chosen(event).trim() || undefined } }),
  });
}

function Place({ given, about, change }: Part & { about: Vendor | undefined }) {
  const option = useOption({ given, change });
  return (
    <div className="pair">
      {given.vendor === 'twilio' && (
        <TextInput
          label="Account SID"
          description="The key above is its auth token"
          placeholder="AC…"
          {...option('account_sid')}
          data-testid="account-sid"
        />
      )}
      {given.vendor === 'telnyx' && (
        <>
          <TextInput
            label="Public key"
            description="With which its webhooks are verified"
            {...option('public_key')}
            data-testid="account-public-key"
          />
          <TextInput
            label="Connection ID"
            description="Of the Voice API application that calls for us. Without one the account makes no calls"
            {...option('connection_id')}
            data-testid="account-connection"
          />
        </>
      )}
      {carries(given.vendor) && <Pace given={given} change={change} />}
      {about && !carries(given.vendor) && (
        <TextInput
          label="Region"
          description={about.needs_region ? undefined : 'Where its servers are, for data residency'}
          placeholder={given.vendor === 'google' ? 'global' : about.needs_region ? 'westeurope' : 'not said'}
          {...option('region')}
        />
      )}
      {(about?.needs_base_url || given.options.base_url) && (
        <TextInput label="Address" placeholder="https://llm.example.com/v1" {...option('base_url')} />
      )}
    </div>
  );
}

function Pace({ given, change }: Part) {
  const at = useFaultAt();
  return (
    <TextInput
      label="Calls a second"
      description="As many as the carrier lets the account begin. Empty: it says itself when there are too many"
      placeholder="no limit"
      inputMode="numeric"
      value={given.options.calls_per_second ?? ''}
      {...at('/options/calls_per_second')}
      onChange={(event) => {
        const digits = chosen(event).replace(/\D/g, '').slice(0, 4);
        change({ options: { ...given.options, calls_per_second: digits ? Number(digits) : null } });
      }}
      data-testid="account-pace"
    />
  );
}

function Models({ given, about, change }: Part & { about: Vendor | undefined }) {
  const option = useOption({ given, change });
  const can = (ability: string) => about?.abilities.some((one) => one === ability) ?? false;
  return (
    <div className="pair">
      {can('llm') && (
        <TextInput label="Language model" placeholder={about?.llm_model ?? ''} {...option('llm_model')} />
      )}
      {can('stt') && (
        <TextInput label="Speech model" placeholder={about?.stt_model ?? ''} {...option('stt_model')} />
      )}
      {can('tts') && <TextInput label="Voice" placeholder={about?.voice ?? ''} {...option('voice')} />}
    </div>
  );
}
