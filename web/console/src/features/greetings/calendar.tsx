import { Button, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { GreetingCalendar } from '../../server';
import { Loading, notice, Problem } from '../../shell';
import { setCalendar, useCalendar, useChange } from './queries';

/** Time zone, holidays and what callers speak by their number. */
export function Calendar() {
  const calendar = useCalendar();
  return (
    <section className="card" aria-labelledby="calendar">
      <h2 id="calendar">Calendar</h2>
      <p className="quiet">The organization's clock, its holidays, and what callers speak by their number.</p>
      {calendar.isPending && <Loading rows={2} />}
      {calendar.isError && <Problem small error={calendar.error} again={() => void calendar.refetch()} />}
      {calendar.data && <Form key={calendar.data.revision} calendar={calendar.data} />}
    </section>
  );
}

const lines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);

function Form({ calendar }: { calendar: GreetingCalendar }) {
  const [zone, setZone] = useState(calendar.time_zone);
  const [holidays, setHolidays] = useState(
    calendar.holidays.map(({ date, name }) => `${date} ${name ?? ''}`.trim()).join('\n'),
  );
  const [languages, setLanguages] = useState(
    calendar.languages.map(({ prefix, language }) => `${prefix} ${language}`).join('\n'),
  );
  const saving = useChange(setCalendar);
  const first = (line: string): [string, string] => {
    const at = line.indexOf(' ');
    return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1).trim()];
  };
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        saving.mutate(
          {
            revision: calendar.revision,
            time_zone: zone.trim(),
            holidays: lines(holidays).map((line) => {
              const [date, name] = first(line);
              return { date, name };
            }),
            languages: lines(languages).map((line) => {
              const [prefix, language] = first(line);
              return { prefix, language };
            }),
          },
          { onSuccess: () => notice('The calendar is saved.') },
        );
      }}
    >
      <div className="pair">
        <TextInput
          label="Time zone"
          description="Such as Europe/Berlin"
          value={zone}
          onChange={(event) => setZone(event.currentTarget.value)}
          data-testid="calendar-zone"
        />
        <Textarea
          label="Holidays"
          description="A day and its name on each line"
          placeholder="2026-12-25 Christmas"
          autosize
          minRows={2}
          maxRows={10}
          value={holidays}
          onChange={(event) => setHolidays(event.currentTarget.value)}
          data-testid="calendar-holidays"
        />
        <Textarea
          label="Languages by number"
          description="The beginning of a number and a language on each line"
          placeholder="+49 de"
          autosize
          minRows={2}
          maxRows={10}
          value={languages}
          onChange={(event) => setLanguages(event.currentTarget.value)}
        />
      </div>
      {saving.isError && <Problem small error={saving.error} />}
      <div className="row end">
        <Button type="submit" variant="default" loading={saving.isPending} data-testid="save-calendar">
          Save the calendar
        </Button>
      </div>
    </form>
  );
}
