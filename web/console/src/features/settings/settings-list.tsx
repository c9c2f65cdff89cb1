// What every list of the settings has: waiting, a refusal, nothing yet, a table that is read on, and a form in a window.

import { Button, Modal } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { AddIcon, Confirm, Empty, Loading, More, type Pages, Problem, Scroll } from '../../shell';
import { titled } from '../../words';

interface SettingsListProps<T> {
  /** For readers of a screen, and the name of the table in tests. */
  label: string;
  testid: string;
  pages: Pages<T>;
  columns: readonly string[];
  empty: { title: string; says: ReactNode };
  /** `open` shows the form for this entry. */
  row: (one: T, open: () => void) => ReactNode;
  /** What is made and changed here; without it the list is only read. */
  making?: {
    /** In small letters: "New greeting". */
    noun: string;
    testid: string;
    /** `null` where a new one is made. */
    form: (one: T | null, close: () => void) => ReactNode;
  };
}

export function SettingsList<T>({ label, testid, pages, columns, empty, row, making }: SettingsListProps<T>) {
  const [open, setOpen] = useState<{ one: T | null } | null>(null);
  const close = () => setOpen(null);
  if (pages.isPending) return <Loading rows={3} />;
  if (pages.isLoadingError) return <Problem error={pages.error} again={() => void pages.refetch()} />;
  const make = making && (
    <Button leftSection={<AddIcon />} onClick={() => setOpen({ one: null })} data-testid={making.testid}>
      New {making.noun}
    </Button>
  );
  const form = making && (
    <Modal
      opened={open !== null}
      onClose={close}
      title={open?.one === null ? `New ${making.noun}` : titled(making.noun)}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {open && making.form(open.one, close)}
    </Modal>
  );
  return (
    <div className="stack">
      {pages.data.length === 0 ? (
        <Empty title={empty.title} action={make}>
          {empty.says}
        </Empty>
      ) : (
        <>
          {make && <div className="row end">{make}</div>}
          <Scroll label={label}>
            <table className="cards" data-testid={testid}>
              <thead>
                <tr>
                  {columns.map((column) => (
                    <th scope="col" key={column}>
                      {column}
                    </th>
                  ))}
                  {making && (
                    <th scope="col">
                      <span className="hidden">What can be done with it</span>
                    </th>
                  )}
                </tr>
              </thead>
              <tbody>{pages.data.map((one) => row(one, () => setOpen({ one })))}</tbody>
            </table>
          </Scroll>
          <More pages={pages} />
        </>
      )}
      {form}
    </div>
  );
}

/** The last cell of a row. `children` says what follows when it is removed. */
export function RowActions({
  name,
  noun,
  open,
  remove,
  before,
  children,
}: {
  /** Of this entry: the buttons of all rows say the same to the eye. */
  name: string;
  noun: string;
  open: () => void;
  remove: () => Promise<unknown>;
  before?: ReactNode;
  children: ReactNode;
}) {
  const [asking, ask] = useState(false);
  return (
    <td className="tight">
      {before}
      <Button variant="subtle" onClick={open} aria-label={`Change ${name}`}>
        Change
      </Button>
      <Button variant="subtle" color="danger" onClick={() => ask(true)} aria-label={`Remove ${name}`}>
        Remove
      </Button>
      <Confirm
        opened={asking}
        close={() => ask(false)}
        title={`Remove this ${noun}?`}
        does="Remove"
        act={remove}
      >
        {children}
      </Confirm>
    </td>
  );
}

/** The buttons of each form, and the way out. */
export function FormEnd({
  saving,
  close,
  disabled = false,
  testid,
  does = 'Save',
}: {
  saving: { isPending: boolean };
  close: () => void;
  disabled?: boolean;
  testid?: string;
  does?: string;
}) {
  return (
    <>
      <Button variant="default" onClick={close}>
        Cancel
      </Button>
      <Button type="submit" disabled={disabled} loading={saving.isPending} data-testid={testid}>
        {does}
      </Button>
    </>
  );
}
