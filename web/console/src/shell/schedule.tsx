// At which times something holds.

import { Button, Checkbox, NativeSelect, Switch, TextInput } from '@mantine/core';
import { useId } from 'react';
import { DAYS, type Day, type HoursForm, type WindowForm } from '../hours';
import { useFaultAt } from './form';
import { AddIcon } from './icons';
import { chosen } from './typed';
import './schedule.css';

/** Of a greeting, a route: at which times it holds. */
export function Schedule({
  form,
  set,
  testid,
}: {
  form: HoursForm;
  set: (part: Partial<HoursForm>) => void;
  testid: string;
}) {
  const heading = useId();
  const at = useFaultAt();
  const change = (place: number, part: Partial<WindowForm>) =>
    set({
      windows: form.windows.map((window, other) => (other === place ? { ...window, ...part } : window)),
    });
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
                  placeholder="08:00"
                  className="clock"
                  value={window.from}
                  {...at(`/schedule/windows/${place}/from`)}
                  onChange={(event) => change(place, { from: chosen(event) })}
                />
                <span className="quiet">to</span>
                <TextInput
                  aria-label={`Window ${place + 1} ends`}
                  placeholder="18:00"
                  className="clock"
                  value={window.to}
                  {...at(`/schedule/windows/${place}/to`)}
                  onChange={(event) => change(place, { to: chosen(event) })}
                />
                <Button
                  variant="subtle"
                  color="danger"
                  aria-label={`Remove window ${place + 1}`}
                  onClick={() => set({ windows: form.windows.filter((_, other) => other !== place) })}
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
              {...at('/schedule/holidays')}
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
              {...at('/schedule/time_zone')}
              onChange={(event) => set({ timeZone: chosen(event) })}
            />
            <TextInput
              label="First day"
              type="date"
              value={form.from}
              {...at('/schedule/from')}
              onChange={(event) => set({ from: chosen(event) })}
            />
            <TextInput
              label="Last day"
              type="date"
              value={form.until}
              {...at('/schedule/until')}
              onChange={(event) => set({ until: chosen(event) })}
            />
          </div>
        </>
      )}
    </section>
  );
}

function Days({ days, place, set }: { days: Day[]; place: number; set: (days: Day[]) => void }) {
  const { error, ...where } = useFaultAt()(`/schedule/windows/${place - 1}/days`);
  return (
    <fieldset className="row days" {...where}>
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
      {error && <p className="small fault">{error}</p>}
    </fieldset>
  );
}
