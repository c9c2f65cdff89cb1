import { Button, Modal, NativeSelect, PasswordInput, Switch, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { ProviderAccount, Vendor } from '../../server';
import { AddIcon, Confirm, Empty, Loading, Problem, Scroll } from '../../shell';
import {
  type AccountGiven,
  changeAccount,
  createAccount,
  removeAccount,
  useAccounts,
  useChange,
  useVendors,
} from './queries';
import { Trial } from './trial';

/** Accounts at vendors of speech and language: with whose key calls are heard, answered and spoken. */
export function Accounts() {
  const accounts = useAccounts();
  const vendors = useVendors();
  const [open, setOpen] = useState<ProviderAccount | 'new' | null>(null);
  const [trying, setTrying] = useState<ProviderAccount | null>(null);
  if (accounts.isPending || vendors.isPending) return <Loading rows={3} />;
  if (accounts.isError) return <Problem error={accounts.error} again={() => void accounts.refetch()} />;
  if (vendors.isError) return <Problem error={vendors.error} again={() => void vendors.refetch()} />;
  const list = accounts.data.data;
  const known = vendors.data.data;
  const titled = (name: string) => known.find((one) => one.vendor === name);
  const make = (
    <Button leftSection={<AddIcon />} onClick={() => setOpen('new')} data-testid="new-account">
      New account
    </Button>
  );
  return (
    <div className="stack">
      <h2>Accounts at vendors</h2>
      {list.length === 0 ? (
        <Empty title="The built-in models hear and speak" action={make}>
          With an account at a vendor agents can think with a language model, hear better, or speak with
          another voice. Its key is kept encrypted and never shown again.
        </Empty>
      ) : (
        <>
          <div className="row end">{make}</div>
          <Scroll label="Accounts at vendors">
            <table className="cards" data-testid="accounts">
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Vendor</th>
                  <th scope="col">Key</th>
                  <th scope="col">State</th>
                  <th scope="col">
                    <span className="hidden">What can be done with it</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {list.map((account) => (
                  <Row
                    key={account.id}
                    account={account}
                    title={titled(account.vendor)?.title ?? account.vendor}
                    open={() => setOpen(account)}
                    test={() => setTrying(account)}
                  />
                ))}
              </tbody>
            </table>
          </Scroll>
        </>
      )}
      <Modal
        opened={open !== null}
        onClose={() => setOpen(null)}
        title={open === 'new' ? 'New account' : 'Account'}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {open && <Form vendors={known} account={open === 'new' ? null : open} close={() => setOpen(null)} />}
      </Modal>
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
  const [asking, ask] = useState(false);
  const remove = useChange('provider-accounts', removeAccount);
  const models = [account.options.stt_model, account.options.llm_model, account.options.tts_model];
  return (
    <tr data-testid="account-row">
      <th scope="row">
        <strong>{account.name}</strong>
        {models.some(Boolean) && <div className="quiet small break">{models.filter(Boolean).join(', ')}</div>}
      </th>
      <td>
        {title}
        {account.options.region && <span className="quiet small"> {account.options.region}</span>}
        {account.options.base_url && <div className="quiet small break">{account.options.base_url}</div>}
      </td>
      <td className="tight">
        <code>{account.key_hint ?? 'none'}</code>
      </td>
      <td className="tight">
        <span className={account.enabled ? 'tag good' : 'tag'}>{account.enabled ? 'in use' : 'off'}</span>
      </td>
      <td className="tight">
        <Button variant="subtle" onClick={test} data-testid="test-account">
          Test
        </Button>
        <Button variant="subtle" onClick={open}>
          Change
        </Button>
        <Button variant="subtle" color="danger" onClick={() => ask(true)}>
          Remove
        </Button>
        <Confirm
          opened={asking}
          close={() => ask(false)}
          title="Remove this account?"
          does="Remove"
          act={() => remove.mutateAsync(account)}
        >
          Calls of agents that name <strong>{account.name}</strong> go on with their next provider. The key is
          deleted.
        </Confirm>
      </td>
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
        {(about?.needs_region || given.options.region || given.vendor === 'google') && (
          <TextInput
            label="Region"
            placeholder={given.vendor === 'google' ? 'global' : 'westeurope'}
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
      {saving.isError && <Problem small error={saving.error} />}
      <div className="row end">
        <Button variant="default" onClick={close}>
          Cancel
        </Button>
        <Button type="submit" disabled={Boolean(lacks)} loading={saving.isPending} data-testid="save-account">
          Save
        </Button>
      </div>
    </form>
  );
}
