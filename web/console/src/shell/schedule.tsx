// At which times something holds.

import { Button, Checkbox, NativeSelect, Switch, TextInput } from '@mantine/core';
import { useId } from 'react';
import { DAYS, type Day, faultsAt, type HoursForm, type WindowForm } from '../hours';
import type { Refusal } from '../server';
import { AddIcon } from './icons';
import { chosen } from './typed';
import './schedule.css';

/** Of a greeting, a route: at which times it holds. */
export function Schedule({
  form,
  set,
  errors,
  testid,
}: {
  form: HoursForm;
  set: (part: Partial<HoursForm>) => void;
  errors: Refusal['errors'];
  testid: string;
}) {
  const heading = useId();
  const change = (place: number, part: Partial<WindowForm>) =>
    set({ windows: form.windows.map((window, at) => (at === place ? { ...window, ...part } : window)) });
  return (
    <section className="card stack" aria-labelledby={heading}>
      <h2 id={heading}>When</h2>
      <Switch
        label="At certain times only"
        checked={form.scheduled}
        onChange={(event) => set({ scheduled: event.currentTarget.checked })}
        data-testid={testid}
      />
      {form.scheduled && (
        <>
          {form.windows.map((window, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: windows have no other name than their place
            <div key={place} className="hours" data-testid="window">
              <Days days={window.days} place={place + 1} set={(days) => change(place, { days })} />
              <div className="row">
                <TextInput
                  aria-label={`Window ${place + 1} begins`}
                  type="time"
                  value={window.from}
                  error={faultsAt(errors, `/schedule/windows/${place}/from`)}
                  onChange={(event) => change(place, { from: chosen(event) })}
                />
                <span className="quiet">to</span>
                <TextInput
                  aria-label={`Window ${place + 1} ends`}
                  placeholder="18:00"
                  className="clock"
                  value={window.to}
                  error={faultsAt(errors, `/schedule/windows/${place}/to`)}
                  onChange={(event) => change(place, { to: chosen(event) })}
                />
                <Button
                  variant="subtle"
                  color="danger"
                  aria-label={`Remove window ${place + 1}`}
                  onClick={() => set({ windows: form.windows.filter((_, at) => at !== place) })}
                >
                  Remove
                </Button>
              </div>
            </div>
          ))}
          {form.windows.length === 0 && <p className="quiet small">At any time of day.</p>}
          <div className="row">
            <Button
              variant="default"
              leftSection={<AddIcon />}
              onClick={() => set({ windows: [...form.windows, { days: [], from: '08:00', to: '18:00' }] })}
            >
              Add hours
            </Button>
          </div>
          <div className="pair">
            <NativeSelect
              label="Holidays"
              value={form.holidays}
              onChange={(event) => set({ holidays: chosen(event) as HoursForm['holidays'] })}
              data={[
                { value: 'any', label: 'As on other days' },
                { value: 'only', label: 'On holidays only' },
                { value: 'never', label: 'Not on holidays' },
              ]}
            />
            <TextInput
              label="Time zone"
              placeholder="The organization's"
              value={form.timeZone}
              error={faultsAt(errors, '/schedule/time_zone')}
              onChange={(event) => set({ timeZone: chosen(event) })}
            />
            <TextInput
              label="First day"
              type="date"
              value={form.from}
              error={faultsAt(errors, '/schedule/from')}
              onChange={(event) => set({ from: chosen(event) })}
            />
            <TextInput
              label="Last day"
              type="date"
              value={form.until}
              error={faultsAt(errors, '/schedule/until')}
              onChange={(event) => set({ until: chosen(event) })}
            />
          </div>
        </>
      )}
    </section>
  );
}

function Days({ days, place, set }: { days: Day[]; place: number; set: (days: Day[]) => void }) {
  return (
    <fieldset className="row days">
      <legend className="hidden">Days of window {place}; none is every day</legend>
      {DAYS.map(([day, name]) => (
        <Checkbox
          key={day}
          label={name}
          checked={days.includes(day)}
          onChange={(event) =>
            set(event.currentTarget.checked ? [...days, day] : days.filter((one) => one !== day))
          }
        />
      ))}
    </fieldset>
  );
}
