import { Button, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { GreetingPreview, GreetingPreviewRequest } from '../../server';
import { PlayIcon, Problem, Sound } from '../../shell';
import { type GreetingForm, greetingOf } from './form';
import { type Names, speak, usePreview } from './queries';

const TYPING_MS = 350;

/** What a call would hear, as the form stands, and why. */
export function Preview({
  form,
  names,
  replaces,
}: {
  form: GreetingForm;
  names: Names;
  replaces: string | undefined;
}) {
  const [wantedAgent, setAgent] = useState('');
  const [wantedEnvironment, setEnvironment] = useState<string | null>(null);
  const [at, setAt] = useState('');
  const [language, setLanguage] = useState('');
  const [number, setNumber] = useState('');
  const [variables, setVariables] = useState('caller.name = Anna');
  const [arm, setArm] = useState('');
  const environment = wantedEnvironment ?? form.environment;
  const agent = form.agent || wantedAgent || names.first;
  const draft = greetingOf(form);
  const saysSomething = draft.wordings.length > 0;
  const wanted: GreetingPreviewRequest | null =
    agent && saysSomething
      ? {
          agent_id: agent,
          ...(environment && { environment_id: environment }),
          ...(form.channel && { channel_id: form.channel }),
          ...(at && { at: new Date(at).toISOString() }),
          ...(language.trim() && { language: language.trim() }),
          ...(number.trim() && { caller_number: number.trim() }),
          ...(arm && form.experimenting && { arm }),
          variables: variablesOf(variables),
          draft,
          ...(replaces && { replaces }),
        }
      : null;
  // A request for each pause in typing, not for each letter.
  const [text] = useDebouncedValue(JSON.stringify(wanted), TYPING_MS);
  const asked: GreetingPreviewRequest | null = JSON.parse(text);
  const preview = usePreview(asked);
  return (
    <section className="card stack" aria-labelledby="preview">
      <h2 id="preview">Preview</h2>
      <div className="pair">
        {!form.agent && (
          <NativeSelect
            label="Agent"
            value={agent}
            onChange={(event) => setAgent(event.currentTarget.value)}
            data={names.agents}
          />
        )}
        <NativeSelect
          label="Environment"
          value={environment}
          onChange={(event) => setEnvironment(event.currentTarget.value)}
          data={[{ value: '', label: 'The draft' }, ...names.environments]}
        />
        <TextInput
          label="At"
          type="datetime-local"
          value={at}
          onChange={(event) => setAt(event.currentTarget.value)}
          data-testid="preview-at"
        />
        <TextInput
          label="Caller's language"
          value={language}
          onChange={(event) => setLanguage(event.currentTarget.value)}
        />
        <TextInput
          label="Caller's number"
          value={number}
          onChange={(event) => setNumber(event.currentTarget.value)}
        />
        {form.experimenting && (
          <NativeSelect
            label="Arm"
            value={arm}
            onChange={(event) => setArm(event.currentTarget.value)}
            data={[
              { value: '', label: 'As drawn' },
              ...form.arms.filter((one) => one.key).map((one) => ({ value: one.key, label: one.key })),
            ]}
          />
        )}
      </div>
      <Textarea
        label="What is known of the call"
        description="caller.NAME or session.NAME = value, one on each line"
        autosize
        minRows={1}
        value={variables}
        onChange={(event) => setVariables(event.currentTarget.value)}
      />
      <div aria-live="polite">
        {!saysSomething && <p className="quiet">Write a wording to see what a call would hear.</p>}
        {asked && preview.isError && <Problem small error={preview.error} />}
        {asked && preview.data && !preview.isError && (
          <Said preview={preview.data} agent={agent} environment={environment} />
        )}
      </div>
    </section>
  );
}

export function variablesOf(text: string): Record<string, string> {
  const pairs = text.split('\n').flatMap((line): [string, string][] => {
    const at = line.indexOf('=');
    const name = line.slice(0, Math.max(at, 0)).trim();
    return at > 0 && name ? [[name, line.slice(at + 1).trim()]] : [];
  });
  return Object.fromEntries(pairs);
}

const SOURCES = {
  greeting: 'Another greeting is said:',
  draft: 'This greeting is said:',
  agent: 'The agent greets in its own words:',
  nothing: 'Nothing is said: the agent lets the caller speak first.',
} as const;

function Said({
  preview,
  agent,
  environment,
}: {
  preview: GreetingPreview;
  agent: string;
  environment: string;
}) {
  return (
    <div className="stack">
      <div data-testid="preview-said">
        <p className="quiet small">{SOURCES[preview.source]}</p>
        {preview.text && <blockquote data-testid="preview-text">{preview.text}</blockquote>}
        <p className="quiet small">
          {preview.local_time}
          {preview.holiday !== null && preview.holiday !== undefined && `, ${preview.holiday || 'a holiday'}`}
          {`, in ${preview.languages.map((one) => one.language).join(', else ')}`}
          {preview.arm && `, arm ${preview.arm}`}
        </p>
      </div>
      {preview.text && <Player agent={agent} environment={environment} text={preview.text} />}
      <details>
        <summary>Why ({preview.considered.length} looked at)</summary>
        <ul className="why">
          {preview.considered.map((one) => (
            <li key={one.greeting_id ?? 'draft'} className={one.chosen ? 'chosen' : ''}>
              <strong>{one.greeting_id ? one.title : 'This greeting'}</strong>: {one.why}
            </li>
          ))}
        </ul>
      </details>
    </div>
  );
}

function Player({ agent, environment, text }: { agent: string; environment: string; text: string }) {
  const [voice, setVoice] = useState(0);
  const speaking = useMutation({ mutationFn: speak });
  const { data } = speaking;
  // What was spoken is of the text that was there then.
  const current = speaking.variables?.text === text && speaking.variables?.voice === voice;
  return (
    <div className="stack tight">
      <div className="row">
        <Button
          variant="default"
          leftSection={<PlayIcon />}
          loading={speaking.isPending}
          onClick={() =>
            speaking.mutate({
              agent_id: agent,
              ...(environment && { environment_id: environment }),
              text,
              voice,
            })
          }
          data-testid="preview-play"
        >
          Hear it
        </Button>
        {data && data.voices.length > 1 && (
          <NativeSelect
            aria-label="Voice"
            value={String(voice)}
            onChange={(event) => setVoice(Number(event.currentTarget.value))}
            data={data.voices.map((name, place) => ({
              value: String(place),
              label: place === 0 ? name : `${name} (stands in)`,
            }))}
          />
        )}
      </div>
      {speaking.isError && <Problem small error={speaking.error} />}
      {data && current && (
        <>
          <Sound wav={data.audio} label="The greeting" plays testid="preview-audio" />
          <p className="quiet small">
            {data.voices[voice]}, {(data.length_ms / 1000).toFixed(1)} s
            {data.rendered_ahead && ', was rendered before'}
          </p>
        </>
      )}
    </div>
  );
}
