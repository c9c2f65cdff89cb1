import { Button, NativeSelect } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { Ability, ProviderAccount, TrialAnswer } from '../../server';
import { Problem, Said, Sound, tryAccount, useVoices } from '../../shell';

const DOES: Record<Ability, string> = { llm: 'Think', stt: 'Hear', tts: 'Speak' };

/** One small, real request at the vendor, and how long it took. */
export function Trial({ account, abilities }: { account: ProviderAccount; abilities: Ability[] }) {
  const [ability, setAbility] = useState<Ability>(abilities[0] ?? 'llm');
  const [voice, setVoice] = useState('');
  const voices = useVoices(account.id, ability === 'tts');
  const trial = useMutation({ mutationFn: tryAccount });
  const chosen = voices.data?.data.find((one) => one.id === voice);
  return (
    <div className="stack">
      <div className="pair">
        <NativeSelect
          label="What to test"
          value={ability}
          onChange={(event) => setAbility(event.currentTarget.value as Ability)}
          data={abilities.map((one) => ({ value: one, label: DOES[one] }))}
        />
        {ability === 'tts' && (
          <NativeSelect
            label="Voice"
            value={voice}
            onChange={(event) => setVoice(event.currentTarget.value)}
            data={[
              { value: '', label: "The account's own" },
              ...(voices.data?.data ?? []).map((one) => ({
                value: one.id,
                label: one.language ? `${one.name} (${one.language})` : one.name,
              })),
            ]}
          />
        )}
      </div>
      {chosen?.preview_url && (
        <p className="quiet small">
          <a href={chosen.preview_url} target="_blank" rel="noreferrer">
            The vendor's own sample of this voice
          </a>
        </p>
      )}
      <div className="row end">
        <Button
          loading={trial.isPending}
          onClick={() => trial.mutate({ id: account.id, ability, ...(voice && { voice }) })}
          data-testid="run-test"
        >
          Make a request
        </Button>
      </div>
      {trial.isError && <Problem small error={trial.error} />}
      {trial.data && <Answer answer={trial.data} />}
      <p className="quiet small">The request is real, and so is its price: a few words.</p>
    </div>
  );
}

function Answer({ answer }: { answer: TrialAnswer }) {
  if (!answer.ok) {
    return (
      <div className="card" role="alert" data-testid="test-failed">
        <strong>It failed.</strong> <Said text={answer.detail ?? ''} />
        {answer.code && (
          <p>
            <a href={`/docs/errors/${answer.code}`} target="_blank" rel="noreferrer">
              {answer.code}
            </a>
          </p>
        )}
      </div>
    );
  }
  return (
    <div className="card" role="status" data-testid="test-passed">
      <dl className="tiles">
        <Tile name="Accepted after" ms={answer.open_ms} />
        <Tile name="First useful answer" ms={answer.first_ms} />
        <Tile name="Whole" ms={answer.whole_ms} />
      </dl>
      <p className="quiet small">{answer.model}</p>
      {answer.text && <p>“{answer.text}”</p>}
      {answer.audio && <Sound wav={answer.audio} label="What the vendor spoke" />}
    </div>
  );
}

function Tile({ name, ms }: { name: string; ms: number | null | undefined }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{ms === null || ms === undefined ? '—' : `${Math.round(ms)} ms`}</dd>
    </div>
  );
}
