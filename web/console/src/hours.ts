// When something holds: days, hours and holidays, as they are edited. No React here.

import type { Greeting } from './server';

type Schedule = NonNullable<Greeting['schedule']>;
export type Day = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';
export const DAYS: [Day, string][] = [
  ['mon', 'Mon'],
  ['tue', 'Tue'],
  ['wed', 'Wed'],
  ['thu', 'Thu'],
  ['fri', 'Fri'],
  ['sat', 'Sat'],
  ['sun', 'Sun'],
];

export interface WindowForm {
  days: Day[];
  from: string;
  to: string;
}
export interface HoursForm {
  scheduled: boolean;
  timeZone: string;
  windows: WindowForm[];
  holidays: 'any' | 'only' | 'never';
  from: string;
  until: string;
}

export const blankHours = (): HoursForm => ({
  scheduled: false,
  timeZone: '',
  windows: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' }],
  holidays: 'any',
  from: '',
  until: '',
});

export const hoursOf = (schedule: Schedule | null | undefined): HoursForm =>
  schedule
    ? {
        scheduled: true,
        timeZone: schedule.time_zone ?? '',
        windows: (schedule.windows ?? []).map(({ days, from, to }) => ({
          days: [...(days ?? [])],
          from,
          to,
        })),
        holidays: schedule.holidays ?? 'any',
        from: schedule.from ?? '',
        until: schedule.until ?? '',
      }
    : blankHours();

export const scheduleOf = (form: HoursForm): Schedule | null =>
  form.scheduled
    ? {
        time_zone: form.timeZone.trim() || null,
        windows: form.windows.map((window) => ({ ...window })),
        holidays: form.holidays,
        from: form.from || null,
        until: form.until || null,
      }
    : null;

/** When it holds, in a few words. */
export function times({ schedule }: { schedule?: Schedule | null }): string {
  if (!schedule) return 'always';
  const parts = (schedule.windows ?? []).map(({ days, from, to }) => `${dayRange(days ?? [])} ${from}–${to}`);
  if (schedule.holidays === 'only') parts.push('on holidays');
  if (schedule.holidays === 'never') parts.push('not on holidays');
  if (schedule.from) parts.push(`from ${schedule.from}`);
  if (schedule.until) parts.push(`until ${schedule.until}`);
  return parts.join(', ') || 'always';
}

/** `Mon–Fri` where days follow each other. */
export function dayRange(days: Day[]): string {
  const places = DAYS.flatMap(([day], place) => (days.includes(day) ? [place] : []));
  if (places.length === 0 || places.length === DAYS.length) return 'daily';
  const name = (place: number) => DAYS[place]?.[1] ?? '';
  const [first = 0, last = 0] = [places[0], places.at(-1)];
  const inRow = last - first === places.length - 1;
  return inRow && places.length > 2 ? `${name(first)}–${name(last)}` : places.map(name).join(', ');
}
