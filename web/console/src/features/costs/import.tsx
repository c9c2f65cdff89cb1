import { Button, Textarea } from '@mantine/core';
import { useMemo, useState } from 'react';
import { notice, Problem } from '../../shell';
import { plural } from '../../words';
import { COLUMNS, readPrices } from './price-file';
import { importPrices, useChange } from './queries';

/** So many faults say enough of a file. */
const SHOWN = 8;

/** All of the list or nothing; each price in place of the one of the same vendor, model, unit and time. */
export function Import({ close }: { close: () => void }) {
  const [text, setText] = useState('');
  const read = useMemo(() => readPrices(text), [text]);
  const importing = useChange(importPrices);
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        importing.mutate(read.prices, {
          onSuccess: ({ created, replaced }) => {
            notice(`${plural(created, 'price')} made, ${replaced} replaced`);
            close();
          },
        });
      }}
    >
      <p className="quiet small">
        CSV with the columns <code>{COLUMNS.join(',')}</code>, of which the first four are needed, or JSON as{' '}
        <a href="/docs" target="_blank" rel="noreferrer">
          the API
        </a>{' '}
        takes it.
      </p>
      <label className="stack tight">
        <span className="label">A file</span>
        <input
          type="file"
          accept=".csv,.json,text/csv,application/json"
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file) void file.text().then(setText);
          }}
          data-testid="price-file"
        />
      </label>
      <Textarea
        label="Or its text"
        className="json"
        autosize
        minRows={6}
        maxRows={14}
        spellCheck={false}
        placeholder={'vendor,model,unit,price_usd,per\nopenai,gpt-4.1*,input_token,2.00,1000000'}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        data-testid="price-text"
      />
      {read.faults.length > 0 && (
        <div className="note wrong" role="alert" data-testid="price-faults">
          <ul>
            {read.faults.slice(0, SHOWN).map((fault) => (
              <li key={fault}>{fault}</li>
            ))}
            {read.faults.length > SHOWN && <li>and {read.faults.length - SHOWN} more</li>}
          </ul>
        </div>
      )}
      {importing.isError && <Problem small error={importing.error} />}
      <div className="row end">
        <Button variant="default" onClick={close}>
          Cancel
        </Button>
        <Button
          type="submit"
          disabled={read.prices.length === 0 || read.faults.length > 0}
          loading={importing.isPending}
          data-testid="take-prices"
        >
          {read.prices.length > 0 ? `Import ${plural(read.prices.length, 'price')}` : 'Import'}
        </Button>
      </div>
    </form>
  );
}
