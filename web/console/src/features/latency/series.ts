// The windows of the page and how its numbers are reckoned.

import { compact, ms } from '../../words';

export const WINDOWS = [
  { value: '5m', label: 'Live', seconds: 300 },
  { value: '1h', label: '1 h', seconds: 3600 },
  { value: '24h', label: '24 h', seconds: 86_400 },
  { value: '7d', label: '7 d', seconds: 7 * 86_400 },
  { value: '30d', label: '30 d', seconds: 30 * 86_400 },
] as const;

export type Window = (typeof WINDOWS)[number]['value'];

export const windowFrom = (text: string | null): Window =>
  WINDOWS.find(({ value }) => value === text)?.value ?? '1h';

/** Live means that what happens is seen happening; a month is not asked for each second. */
export const pollMs = (window: Window): number =>
  window === '5m' ? 1_000 : window === '1h' ? 10_000 : 60_000;

/** Per minute, of counts by step. */
export const perMinute = (value: number, stepSeconds: number): number =>
  (value * 60) / Math.max(1, stepSeconds);

/**
 * Per minute, now. Short steps: over the last 60 s, of which the oldest step gives its share, so that what happened a moment
 * ago is in it. Of longer ones the last whole one: the step that is going on says too little.
 */
export function recent(counts: readonly number[], stepSeconds: number, runningSeconds: number): number {
  const running = counts.at(-1) ?? 0;
  const before = counts.slice(0, -1).reverse();
  if (stepSeconds > 60) return perMinute(before[0] ?? 0, stepSeconds);
  let left = Math.max(0, 60 - runningSeconds);
  let sum = running;
  for (const one of before) {
    if (left <= 0) break;
    sum += one * Math.min(1, left / Math.max(1, stepSeconds));
    left -= Math.max(1, stepSeconds);
  }
  return sum;
}

export const whole = (value: number): string => compact(Math.round(value * 10) / 10);
export const milliseconds = (value: number): string => ms(value);
