// The parts of the form.

import { Button, NativeSelect, NumberInput, Switch, Textarea, TextInput } from '@mantine/core';
import { AddIcon, chosen, useFaultAt } from '../../shell';
import type { GreetingForm } from './form';
import type { Names } from './queries';

interface Part {
  form: GreetingForm;
  set: (part: Partial<GreetingForm>) => void;
}

export function Scope({ form, set, names, fixed }: Part & { names: Names; fixed: boolean }) {
  const at = useFaultAt();
  const any = (label: string, list: { value: string; label: string }[]) => [{ value: '', label }, ...list];
  return (
    <section className="card stack" aria-labelledby="part-0">
      <h2 id="part-0">For which calls</h2>
      <TextInput
        label="Name"
        description="For you and your colleagues"
        value={form.title}
        {...at('/title')}
        onChange={(event) => set({ title: chosen(event) })}
        data-testid="greeting-title"
      />
      <div className="pair">
        <NativeSelect
          label="Agent"
          value={form.agent}
          disabled={fixed}
          {...at('/agent_id')}
          onChange={(event) => set({ agent: chosen(event), domain: '' })}
          data={any('All agents', names.agents)}
          data-testid="greeting-agent"
        />
        <NativeSelect
          label="Domain"
          value={form.domain}
          disabled={fixed || form.agent !== ''}
          {...at('/domain_id')}
          onChange={(event) => set({ domain: chosen(event) })}
          data={any('All domains', names.domains)}
        />
        <NativeSelect
          label="Environment"
          value={form.environment}
          disabled={fixed}
          {...at('/environment_id')}
          onChange={(event) => set({ environment: chosen(event) })}
          data={any('Everywhere', names.environments)}
        />
        <NativeSelect
          label="Channel"
          value={form.channel}
          disabled={fixed}
          {...at('/channel_id')}
          onChange={(event) => set({ channel: chosen(event) })}
          data={any('All channels', names.channels)}
        />
      </div>
      {fixed && <p className="quiet small">For other calls, make another greeting.</p>}
      <div className="pair">
        <TextInput
          label="Language"
          description="Such as de; empty for callers of any"
          value={form.language}
          {...at('/language')}
          onChange={(event) => set({ language: chosen(event) })}
          data-testid="greeting-language"
        />
        <NumberInput
          label="Priority"
          description="The higher is said, whatever it is for"
          min={-100}
          max={100}
          value={form.priority}
          {...at('/priority')}
          onChange={(value) => set({ priority: Number(value) || 0 })}
        />
      </div>
      <Switch
        label="Said to callers"
        checked={form.enabled}
        onChange={(event) => set({ enabled: event.currentTarget.checked })}
      />
    </section>
  );
}

export function Words({ form, set }: Part) {
  const at = useFaultAt();
  const word = (place: number, text: string) =>
    set({ wordings: form.wordings.map((before, other) => (other === place ? text : before)) });
  return (
    <section className="card stack" aria-labelledby="part-2">
      <h2 id="part-2">What is said</h2>
      <p className="quiet small">
        <code>{'{caller.name|default:"there"}'}</code> says what is known of the caller;{' '}
        <code>{'{if caller.name}…{else}…{end}'}</code> chooses. Always known: <code>{'{agent}'}</code>,{' '}
        <code>{'{weekday}'}</code>, <code>{'{part_of_day}'}</code>, <code>{'{hour}'}</code>.
      </p>
      {form.wordings.map((text, place) => (
        <div
          // biome-ignore lint/suspicious/noArrayIndexKey: wordings have no other name than their place
          key={place}
          className="stack tight"
        >
          <Textarea
            label={form.wordings.length > 1 ? `Wording ${place + 1}` : 'Wording'}
            autosize
            minRows={2}
            value={text}
            {...at(`/wordings/${place}`)}
            onChange={(event) => word(place, chosen(event))}
            data-testid={`wording-${place}`}
          />
          {form.wordings.length > 1 && (
            <div className="row end">
              <Button
                variant="subtle"
                color="danger"
                aria-label={`Remove wording ${place + 1}`}
                onClick={() => set({ wordings: form.wordings.filter((_, other) => other !== place) })}
              >
                Remove
              </Button>
            </div>
          )}
        </div>
      ))}
      <div className="row">
        <Button
          variant="default"
          leftSection={<AddIcon />}
          disabled={form.wordings.length >= 20}
          onClick={() => set({ wordings: [...form.wordings, ''] })}
        >
          Add a wording
        </Button>
      </div>
      <Switch
        label="Try several texts against each other"
        checked={form.experimenting}
        onChange={(event) => set({ experimenting: event.currentTarget.checked })}
        data-testid="greeting-experiment"
      />
      {form.experimenting && <Arms form={form} set={set} />}
    </section>
  );
}

function Arms({ form, set }: Part) {
  const at = useFaultAt();
  const change = (place: number, part: Partial<GreetingForm['arms'][number]>) =>
    set({ arms: form.arms.map((arm, other) => (other === place ? { ...arm, ...part } : arm)) });
  const free = 'abcdefgh'.split('').find((key) => !form.arms.some((arm) => arm.key === key)) ?? 'x';
  return (
    <>
      {form.arms.map((arm, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: keys change while they are typed
        <div key={place} className="arm" data-testid="arm">
          <div className="pair">
            <TextInput
              label={place === 0 ? 'First arm' : 'Arm'}
              value={arm.key}
              {...at(`/experiment/arms/${place}/key`)}
              onChange={(event) => change(place, { key: chosen(event) })}
            />
            <NumberInput
              label="Weight"
              min={0}
              max={1000}
              value={arm.weight}
              {...at(`/experiment/arms/${place}/weight`)}
              onChange={(value) => change(place, { weight: Math.max(0, Math.round(Number(value)) || 0) })}
            />
          </div>
          <Textarea
            aria-label={`Text of arm ${arm.key}`}
            autosize
            minRows={2}
            value={arm.text}
            {...at(`/experiment/arms/${place}/text`)}
            onChange={(event) => change(place, { text: chosen(event) })}
            data-testid={`arm-${place}`}
          />
          {form.arms.length > 2 && (
            <div className="row end">
              <Button
                variant="subtle"
                color="danger"
                aria-label={`Remove arm ${arm.key}`}
                onClick={() => set({ arms: form.arms.filter((_, other) => other !== place) })}
              >
                Remove
              </Button>
            </div>
          )}
        </div>
      ))}
      <div className="row">
        <Button
          variant="default"
          leftSection={<AddIcon />}
          disabled={form.arms.length >= 8}
          onClick={() => set({ arms: [...form.arms, { key: free, weight: 1, text: '' }] })}
        >
          Add an arm
        </Button>
      </div>
      <div className="pair">
        <NativeSelect
          label="Goal"
          value={form.goalKind}
          onChange={(event) => set({ goalKind: chosen(event) as GreetingForm['goalKind'] })}
          data={[
            { value: 'note', label: 'The agent notes' },
            { value: 'node', label: 'The conversation comes to' },
          ]}
        />
        <TextInput
          label="Named"
          placeholder="appointment"
          value={form.goalName}
          {...at('/experiment/goal')}
          onChange={(event) => set({ goalName: chosen(event) })}
        />
        <NativeSelect
          label="Assigned"
          value={form.sticky}
          onChange={(event) => set({ sticky: chosen(event) as GreetingForm['sticky'] })}
          data={[
            { value: 'caller', label: 'For each caller' },
            { value: 'session', label: 'For each call' },
          ]}
        />
      </div>
      <Switch
        label="Running"
        description="While it does not, the wordings above are said. Other texts, weights or another goal begin a new round."
        checked={form.running}
        onChange={(event) => set({ running: event.currentTarget.checked })}
      />
    </>
  );
}
