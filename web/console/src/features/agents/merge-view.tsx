// Somebody else changed the draft too. What both changed is chosen by field; the rest of both is kept.

import { Button } from '@mantine/core';
import { useMemo, useState } from 'react';
import { plural } from '../../words';
import type { Keeping } from './keeper';
import { compared, merged, type Side } from './merge';
import type { Json, JsonObject } from './pointer';

const SIDES: [Side, string][] = [
  ['yours', 'Yours'],
  ['theirs', 'Theirs'],
  ['base', 'Before both'],
];

export const written = (value: Json | undefined): string => {
  if (value === undefined) return '(not there)';
  if (typeof value === 'string') return value;
  // Wordings are read more easily than their JSON.
  if (Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string'))
    return value.map((one) => `• ${one}`).join('\n');
  return JSON.stringify(value, null, 2);
};

export function MergeView({
  kept,
  resolve,
}: {
  kept: Extract<Keeping<unknown>, { state: 'conflict' }>;
  resolve: (definition: JsonObject) => void;
}) {
  const { base, definition, theirs } = kept;
  const merge = useMemo(() => compared(base, definition, theirs.definition), [base, definition, theirs]);
  const [chosen, choose] = useState<Record<string, Side>>({});
  const open = merge.contested.filter((field) => !chosen[field.pointer]).length;
  return (
    <section className="card merge stack" aria-labelledby="merge" data-testid="merge">
      <div>
        <h2 id="merge">This draft was changed elsewhere too</h2>
        <p className="quiet">
          {merge.contested.length > 0
            ? 'Choose for each field that both of you changed. What only one of you changed is kept.'
            : 'You changed different things: both changes are kept.'}{' '}
          Nothing is saved until then.
        </p>
      </div>
      {merge.contested.map((field) => (
        <fieldset key={field.pointer} data-testid="contested">
          <legend className="mono">{field.pointer}</legend>
          <div className="sides">
            {SIDES.map(([side, name]) => (
              <label key={side} className="choice">
                <input
                  type="radio"
                  name={field.pointer}
                  checked={chosen[field.pointer] === side}
                  onChange={() => choose({ ...chosen, [field.pointer]: side })}
                  data-testid={`choose-${side}`}
                />
                <span>
                  <strong>{name}</strong>
                  <pre>{written(field[side])}</pre>
                </span>
              </label>
            ))}
          </div>
        </fieldset>
      ))}
      {merge.joined.map((list) => (
        <div key={list.pointer} data-testid="joined">
          <p className="small">
            Both changed <code>{list.pointer}</code>, each other items of it. It has both changes:
          </p>
          <pre>{written(list.after)}</pre>
        </div>
      ))}
      {merge.theirs.length > 0 && (
        <p className="small">
          Kept of theirs:{' '}
          {merge.theirs.map((one) => (
            <code key={one.pointer}>{one.pointer} </code>
          ))}
        </p>
      )}
      {merge.yours.length > 0 && (
        <p className="small">
          Kept of yours:{' '}
          {merge.yours.map((one) => (
            <code key={one.pointer}>{one.pointer} </code>
          ))}
        </p>
      )}
      <div className="row end">
        {open > 0 && <span className="quiet small">{plural(open, 'field')} still to choose</span>}
        <Button
          disabled={open > 0}
          onClick={() => resolve(merged(theirs.definition, merge, chosen))}
          data-testid="merge-save"
        >
          Save this draft
        </Button>
      </div>
    </section>
  );
}
