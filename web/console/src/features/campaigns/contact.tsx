// What can be done with one contact: another number, something else told of them, and out of the list.

import { Button, Modal, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { Campaign, Contact } from '../../server';
import { Confirm, chosen, Form, notice, useFaultAt } from '../../shell';
import { contactChange, toldOf } from './form';
import { changeContact, removeContact, useChange } from './queries';

export function ContactActions({
  campaign,
  contact,
  over,
}: {
  campaign: Campaign;
  contact: Contact;
  /** The campaign calls nobody any more. */
  over: boolean;
}) {
  const [does, act] = useState<'change' | 'remove' | null>(null);
  const removing = useChange(() => removeContact(campaign.id, contact.id));
  // Who is being called stays until that is over; what came of a call is a record.
  if (contact.state === 'calling') return <td className="tight" />;
  return (
    <td className="tight">
      {contact.state === 'waiting' && !over && (
        <Button
          variant="subtle"
          onClick={() => act('change')}
          aria-label={`Change ${contact.number}`}
          data-testid="contact-change"
        >
          Change
        </Button>
      )}
      <Button
        variant="subtle"
        color="danger"
        onClick={() => act('remove')}
        aria-label={`Remove ${contact.number}`}
        data-testid="contact-remove"
      >
        Remove
      </Button>
      <Modal
        opened={does === 'change'}
        onClose={() => act(null)}
        title="Contact"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        {does === 'change' && <Edit campaign={campaign} contact={contact} close={() => act(null)} />}
      </Modal>
      <Confirm
        opened={does === 'remove'}
        close={() => act(null)}
        title={`Remove ${contact.number}?`}
        does="Remove"
        act={() => removing.mutateAsync(undefined)}
      >
        {contact.attempts > 0
          ? 'They are not called again, and the list of calls to them goes too. What was said stays among the calls.'
          : 'They are not called.'}
      </Confirm>
    </td>
  );
}

function Edit({ campaign, contact, close }: { campaign: Campaign; contact: Contact; close: () => void }) {
  const [number, setNumber] = useState(contact.number);
  const [told, setTold] = useState(toldOf(contact.variables));
  const saving = useChange(() =>
    changeContact(campaign.id, contact.id, contactChange(contact, number, told)),
  );
  return (
    <Form
      error={saving.error}
      submit={() =>
        saving.mutate(undefined, {
          onSuccess: () => {
            notice('The contact is changed. It counts from the next call on.');
            close();
          },
        })
      }
      actions={
        <>
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button
            type="submit"
            disabled={!number.trim()}
            loading={saving.isPending}
            data-testid="save-contact"
          >
            Save
          </Button>
        </>
      }
    >
      <Fields number={number} setNumber={setNumber} told={told} setTold={setTold} />
    </Form>
  );
}

function Fields({
  number,
  setNumber,
  told,
  setTold,
}: {
  number: string;
  setNumber: (number: string) => void;
  told: string;
  setTold: (told: string) => void;
}) {
  const at = useFaultAt();
  return (
    <>
      <TextInput
        label="Number"
        inputMode="tel"
        value={number}
        {...at('/number')}
        onChange={(event) => setNumber(chosen(event))}
        data-autofocus
        data-testid="contact-number"
      />
      <Textarea
        label="Told to the agent"
        description={
          'Name: value, one on each line, such as caller.name: Maria Lopez. Within "quotes" \\n breaks the line'
        }
        autosize
        minRows={2}
        value={told}
        {...at('/variables')}
        onChange={(event) => setTold(chosen(event))}
        data-testid="contact-told"
      />
    </>
  );
}
