// Fields of a draft: each knows its place in the definition, and shows what the server said of it.

import { ActionIcon, Button, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { createContext, useContext, useEffect, useRef, useState } from 'react';
import type { Problem as Reported } from '../../server';
import { AddIcon, CloseIcon, Said } from '../../shell';
import { problemsAt, textAt, wordings } from './definition';
import { jsonFault } from './json-fault';
import { at, type Json, type JsonObject, pointer, same, withAt } from './pointer';

export interface Editing {
  definition: JsonObject;
  problems: Reported[];
  edit: (change: (definition: JsonObject) => JsonObject) => void;
}

export const EditingContext = createContext<Editing | null>(null);

export function useEditing(): Editing {
  const editing = useContext(EditingContext);
  if (!editing) throw new Error('a field of a draft stands outside its editor');
  return editing;
}

function useField(path: string) {
  const { definition, problems, edit } = useEditing();
  const set = (next: Json | undefined) => edit((whole) => withAt(whole, path, next));
  return { definition, value: at(definition, path), set, problems: problemsAt(problems, path) };
}

const said = (problems: Reported[], severity: 'error' | 'warning') => {
  const text = problems
    .filter((one) => (one.severity === 'warning') === (severity === 'warning'))
    .map((one) => one.detail)
    .join(' ');
  return text && <Said text={text} />;
};

export function Warnings({ problems }: { problems: Reported[] }) {
  const text = said(problems, 'warning');
  return text ? <p className="small warned">{text}</p> : null;
}

interface Named {
  path: string;
  label: string;
  description?: string;
  placeholder?: string;
}

export function TextField({ path, list, ...named }: Named & { list?: readonly string[] }) {
  const { definition, set, problems } = useField(path);
  const id = `list${path.replaceAll('/', '-')}`;
  return (
    <div data-pointer={path}>
      <TextInput
        {...named}
        value={textAt(definition, path)}
        onChange={(event) => set(event.currentTarget.value)}
        onBlur={(event) => event.currentTarget.value === '' && set(undefined)}
        error={said(problems, 'error')}
        {...(list && { list: id })}
        data-testid={`field${path.replaceAll('/', '-')}`}
      />
      <Warnings problems={problems} />
      {list && (
        <datalist id={id}>
          {list.map((value) => (
            <option key={value} value={value} />
          ))}
        </datalist>
      )}
    </div>
  );
}

/** A number that may be absent: then the server's own applies. */
export function NumberField({
  path,
  step = 1,
  min,
  max,
  ...named
}: Named & { step?: number; min?: number; max?: number }) {
  const { definition, set, problems } = useField(path);
  return (
    <div data-pointer={path}>
      <TextInput
        {...named}
        type="number"
        inputMode="decimal"
        step={step}
        {...(min !== undefined && { min })}
        {...(max !== undefined && { max })}
        value={textAt(definition, path)}
        onChange={(event) => {
          const text = event.currentTarget.value;
          set(text === '' ? undefined : Number(text));
        }}
        error={said(problems, 'error')}
        data-testid={`field${path.replaceAll('/', '-')}`}
      />
      <Warnings problems={problems} />
    </div>
  );
}

export function ChoiceField({
  path,
  choices,
  ...named
}: Named & { choices: { label: string; value: Json | undefined }[] }) {
  const { value, set, problems } = useField(path);
  const index = choices.findIndex((choice) => same(choice.value, value));
  return (
    <div data-pointer={path}>
      <NativeSelect
        {...named}
        value={String(index)}
        onChange={(event) => set(choices[Number(event.currentTarget.value)]?.value)}
        error={said(problems, 'error')}
        data={[
          ...(index < 0 ? [{ label: `as written: ${JSON.stringify(value)}`, value: '-1' }] : []),
          ...choices.map(({ label }, number) => ({ label, value: String(number) })),
        ]}
        data-testid={`field${path.replaceAll('/', '-')}`}
      />
      <Warnings problems={problems} />
    </div>
  );
}

/** Texts of which one is said. */
export function WordingsField({ path, label, description, add = 'Add a wording' }: Named & { add?: string }) {
  const { definition, set, problems } = useField(path);
  const texts = wordings(definition, path);
  const change = (index: number, text: string) => set(texts.with(index, text));
  const own = problems.filter((one) => one.pointer === path);
  return (
    <fieldset className="wordings" data-pointer={path}>
      <legend>{label}</legend>
      {description && <p className="small quiet">{description}</p>}
      <ol>
        {texts.map((text, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a wording is its place in the list
          <li key={index} data-pointer={path + pointer(index)}>
            <Textarea
              autosize
              minRows={1}
              maxRows={8}
              aria-label={`${label}, wording ${index + 1}`}
              value={text}
              onChange={(event) => change(index, event.currentTarget.value)}
              error={said(problemsAt(problems, path + pointer(index)), 'error')}
              data-testid={`field${path.replaceAll('/', '-')}-${index}`}
            />
            <ActionIcon
              aria-label={`Remove wording ${index + 1}`}
              title="Remove"
              onClick={() => set(texts.filter((_, other) => other !== index))}
            >
              <CloseIcon />
            </ActionIcon>
          </li>
        ))}
      </ol>
      {own.length > 0 && <p className="small bad">{said(own, 'error')}</p>}
      <Warnings problems={problems} />
      <Button
        variant="subtle"
        leftSection={<AddIcon />}
        onClick={() => set([...texts, ''])}
        data-testid={`add${path.replaceAll('/', '-')}`}
      >
        {add}
      </Button>
    </fieldset>
  );
}

/** A part as JSON. What is not JSON is not saved, and says so. */
export function JsonField({ path, label, description, empty = '{}' }: Named & { empty?: string }) {
  const { value, set, problems } = useField(path);
  const written = value === undefined ? empty : JSON.stringify(value, null, 2);
  const [text, setText] = useState(written);
  const last = useRef<Json | undefined>(value);
  // The definition is outside: a merge or a restored version replaces what is shown; our own typing does not.
  useEffect(() => {
    if (!same(last.current, value)) setText(written);
    last.current = value;
  }, [value, written]);
  const fault = jsonFault(text);
  const type = (next: string) => {
    setText(next);
    if (jsonFault(next) !== null) return;
    const parsed = JSON.parse(next) as Json;
    last.current = parsed;
    set(parsed);
  };
  return (
    <div data-pointer={path}>
      <Textarea
        className="json"
        label={label}
        description={description}
        autosize
        minRows={3}
        maxRows={24}
        spellCheck={false}
        value={text}
        onChange={(event) => type(event.currentTarget.value)}
        error={fault ? `${fault}. Not saved until it is JSON.` : undefined}
        data-testid={`field${path.replaceAll('/', '-')}`}
      />
      {problems.length > 0 && !fault && (
        <ul className="small found">
          {problems.map((one) => (
            <li key={one.pointer + one.detail} className={one.severity === 'warning' ? 'warned' : 'bad'}>
              <code>{one.pointer.slice(path.length) || '/'}</code> <Said text={one.detail} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
