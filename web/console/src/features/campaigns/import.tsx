import { Button, Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Campaign, Imported } from '../../server';
import { notice, Problem, Said } from '../../shell';
import { plural } from '../../words';
import { readTable } from './file';
import { importContacts, useChange } from './queries';

const TYPING_MS = 400;

/** A file of contacts: what would become of it is shown first, and what can be taken is taken. */
export function Import({ campaign }: { campaign: Campaign }) {
  const [text, setText] = useState('');
  const [unread, setUnread] = useState('');
  const [settled] = useDebouncedValue(text, TYPING_MS);
  const looked = useQuery({
    queryKey: ['contacts-preview', campaign.id, settled],
    queryFn: () => importContacts(campaign.id, settled, true),
    enabled: settled.trim() !== '',
    retry: false,
    gcTime: 0,
  });
  const importing = useChange((file: string) => importContacts(campaign.id, file, false));
  const preview = text.trim() && settled === text && looked.isSuccess ? looked.data : null;
  return (
    <section className="card stack" aria-labelledby="import">
      <h2 id="import">Import contacts</h2>
      <p className="quiet small">
        A CSV file whose first line names the columns: <code>number</code> is called, <code>name</code> is
        told as the caller's name, every other column as <code>session.COLUMN</code>. Greetings and the agent
        can say them.
      </p>
      <label className="stack tight">
        <span className="label">A file</span>
        <input
          type="file"
          accept=".csv,text/csv"
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (!file) return;
            void readTable(file).then((read) => {
              setUnread(read.ok ? '' : read.why);
              if (read.ok) setText(read.text);
            });
          }}
          data-testid="contacts-file"
        />
      </label>
      <Textarea
        label="Or its text"
        className="json"
        autosize
        minRows={3}
        maxRows={10}
        spellCheck={false}
        placeholder={'number,name,due\n+4930123456,Maria Lopez,Monday'}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        data-testid="contacts-text"
      />
      <div aria-live="polite">
        {unread && (
          <p className="note wrong" data-testid="contacts-unread">
            {unread}
          </p>
        )}
        {text.trim() && looked.isError && <Problem small error={looked.error} />}
        {preview && <Preview preview={preview} />}
      </div>
      {importing.isError && <Problem small error={importing.error} />}
      <div className="row end">
        <Button
          disabled={!preview || preview.taken === 0}
          loading={importing.isPending}
          onClick={() =>
            importing.mutate(text, {
              onSuccess: ({ taken }) => {
                notice(`${plural(taken, 'contact')} imported`);
                setText('');
              },
            })
          }
          data-testid="take-contacts"
        >
          {preview && preview.taken > 0 ? `Import ${plural(preview.taken, 'contact')}` : 'Import'}
        </Button>
      </div>
    </section>
  );
}

function Preview({ preview }: { preview: Imported }) {
  const { taken, refused, errors, sample } = preview;
  return (
    <div className="stack" data-testid="contacts-preview">
      <p>
        <strong>{plural(taken, 'row')}</strong> can be taken
        {refused > 0 && (
          <>
            , <strong>{refused}</strong> cannot
          </>
        )}
        .
      </p>
      {sample[0] && (
        <p className="quiet small break">
          The first: {sample[0].number}
          {Object.entries(sample[0].variables).map(([name, value]) => `, ${name} ${value}`)}
        </p>
      )}
      {errors.length > 0 && (
        <div className="note wrong" data-testid="contacts-errors">
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
          <ul className="rows" tabIndex={0} aria-label="Rows that cannot be taken">
            {errors.map(({ line, detail }) => (
              <li key={line}>
                Line {line}: <Said text={detail} />
              </li>
            ))}
            {refused > errors.length && <li>and {refused - errors.length} more</li>}
          </ul>
        </div>
      )}
    </div>
  );
}
