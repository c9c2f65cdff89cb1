import { Button, Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { useEnvironments } from '../../shell';
import { END_REASONS, ending } from '../../words';
import { active, DIRECTIONS, type Filters, NONE, RANGES, type Range } from './filters';
import { useChoices } from './queries';

/** After the last key, in ms, until the server is asked. */
const PAUSE_MS = 350;
const TRANSPORTS = ['webrtc', 'websocket', 'twilio', 'livekit', 'sip'];

export function FilterBar({ filters, set }: { filters: Filters; set: (next: Filters) => void }) {
  const [open, setOpen] = useState(false);
  const choices = useChoices();
  const environments = useEnvironments();
  const change = <K extends keyof Filters>(name: K, value: Filters[K]) => set({ ...filters, [name]: value });
  const any = (label: string, values: readonly (string | { value: string; label: string })[]) => [
    { value: '', label },
    ...values,
  ];
  const known = (values: readonly string[], chosen: string) =>
    chosen && !values.includes(chosen) ? [...values, chosen] : values;
  const set_count = active(filters);
  return (
    <search className="filters" data-open={open}>
      <Search value={filters.q} set={(q) => change('q', q)} />
      <Button
        className="more"
        variant="default"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        data-testid="filters"
      >
        {set_count ? `Filters (${set_count})` : 'Filters'}
      </Button>
      <div className="set">
        <NativeSelect
          aria-label="Time"
          value={filters.range}
          onChange={(event) => change('range', event.currentTarget.value as Range)}
          data={[
            { value: 'all', label: 'Any time' },
            ...Object.entries(RANGES).map(([value, { label }]) => ({ value, label })),
            { value: 'between', label: 'Between…' },
          ]}
          data-testid="filter-range"
        />
        {filters.range === 'between' && (
          <>
            <TextInput
              type="datetime-local"
              aria-label="From"
              value={filters.from}
              onChange={(event) => change('from', event.currentTarget.value)}
            />
            <TextInput
              type="datetime-local"
              aria-label="Until"
              value={filters.to}
              onChange={(event) => change('to', event.currentTarget.value)}
            />
          </>
        )}
        <NativeSelect
          aria-label="Agent"
          value={filters.agent}
          onChange={(event) => change('agent', event.currentTarget.value)}
          data={any('Any agent', known(choices.data?.agents ?? [], filters.agent))}
          data-testid="filter-agent"
        />
        <NativeSelect
          aria-label="Environment"
          value={filters.environment}
          onChange={(event) => change('environment', event.currentTarget.value)}
          data={any(
            'Any environment',
            known(environments.data?.data.map((one) => one.name) ?? [], filters.environment),
          )}
        />
        <NativeSelect
          aria-label="Transport"
          value={filters.transport}
          onChange={(event) => change('transport', event.currentTarget.value)}
          data={any('Any transport', known(choices.data?.transports ?? TRANSPORTS, filters.transport))}
        />
        <NativeSelect
          aria-label="Who called"
          value={filters.direction}
          onChange={(event) => change('direction', event.currentTarget.value as Filters['direction'])}
          data={any(
            'Whoever called',
            Object.entries(DIRECTIONS).map(([value, label]) => ({ value, label })),
          )}
          data-testid="filter-direction"
        />
        <NativeSelect
          aria-label="End"
          value={filters.end}
          onChange={(event) => change('end', event.currentTarget.value)}
          data={any(
            'Any end',
            END_REASONS.map((value) => ({ value, label: ending(value) })),
          )}
          data-testid="filter-end"
        />
        <Typed label="Outcome" value={filters.outcome} set={(outcome) => change('outcome', outcome)} />
        <Typed
          label="Slower than (ms)"
          type="number"
          value={filters.slower === null ? '' : String(filters.slower)}
          set={(text) => change('slower', Number(text) > 0 ? Number(text) : null)}
        />
        <Checkbox
          label="With problems"
          checked={filters.problems}
          onChange={(event) => change('problems', event.currentTarget.checked)}
          data-testid="filter-problems"
        />
        <Checkbox
          label="Poor audio"
          checked={filters.poorAudio}
          onChange={(event) => change('poorAudio', event.currentTarget.checked)}
          data-testid="filter-poor-audio"
        />
        {(set_count > 0 || filters.q) && (
          <Button variant="subtle" onClick={() => set(NONE)} data-testid="filters-clear">
            Clear
          </Button>
        )}
      </div>
    </search>
  );
}

/** What is typed is asked for when the typing pauses. */
function usePaused(value: string, set: (next: string) => void) {
  const [text, setText] = useState(value);
  const [shown, setShown] = useState(value);
  if (shown !== value) {
    setShown(value);
    setText(value);
  }
  // The pause is the clock's.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `set` is another one at each render, for the same place
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => set(text.trim()), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, value]);
  return { text, setText };
}

function Search({ value, set }: { value: string; set: (next: string) => void }) {
  const { text, setText } = usePaused(value, set);
  return (
    <TextInput
      className="search"
      type="search"
      aria-label="Search in what was said"
      placeholder="Search in what was said"
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      data-testid="search"
    />
  );
}

function Typed({
  label,
  value,
  set,
  type = 'text',
}: {
  label: string;
  value: string;
  set: (next: string) => void;
  type?: string;
}) {
  const { text, setText } = usePaused(value, set);
  return (
    <TextInput
      className="narrow"
      type={type}
      aria-label={label}
      placeholder={label}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
    />
  );
}
