// Drills in words.

import type { Drill, DrillReport } from '../../server';

export const FAULTS: Record<Drill['fault'], string> = {
  refuse: 'Nobody answers',
  hang: 'Says nothing more',
  slow: 'Everything comes 3 s late',
  garbage: 'Sends nonsense',
  close: 'Hangs up',
  silence: 'Success without content',
  quota: 'No credit left',
};
export const MOMENTS: Record<Drill['moment'], string> = {
  connect: 'when it is asked',
  before_output: 'before its first words or sound',
  mid_sentence: 'in mid-sentence',
  between_turns: 'between two turns',
};
export const KINDS: Record<Drill['kind'], string> = {
  stt: 'Recognition',
  llm: 'Language model',
  tts: 'Voice',
};

export const percent = (share: number) => `${Math.round(share * 1000) / 10} %`;

/** Whom it strikes, how and when, as one sentence without its end. */
export const told = (drill: Drill) =>
  `${KINDS[drill.kind]}, ${drill.provider ?? 'whichever is asked first'}: ${FAULTS[drill.fault].toLowerCase()} ${MOMENTS[drill.moment]}`;

/** What somebody must look at, worst first; nothing where the drill went as it should. */
export function findings(report: DrillReport): string[] {
  const some = (count: number, one: string, many: string) =>
    count > 0 ? [`${count} ${count === 1 ? one : many}`] : [];
  return [
    ...some(report.calls_lost, 'call was lost', 'calls were lost'),
    ...some(report.last_resorts, 'answer was an apology', 'answers were apologies'),
    ...some(report.words_lost, 'word was not heard', 'words were not heard'),
    ...some(report.words_doubled, 'word was heard twice', 'words were heard twice'),
  ];
}
