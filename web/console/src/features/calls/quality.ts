// What there is to say of a call's audio: what was wrong, in which direction, and how good it was.

import type { Call } from '../../server';
import { count, ms } from '../../words';

export type Quality = NonNullable<Call['quality']>;

/** As much of a percent as it takes to tell it from none. */
export const percent = (value: number): string =>
  `${value === 0 || value >= 9.95 ? Math.round(value) : value.toFixed(1)} %`;

/** A mean opinion score by the steps of ITU-T G.107, annex B. */
export function scored(mos: number | null | undefined): string {
  if (mos === null || mos === undefined) return 'unknown';
  const word = mos >= 4.03 ? 'good' : mos >= 3.6 ? 'fair' : mos >= 3.1 ? 'poor' : 'bad';
  return `${mos.toFixed(1)}, ${word}`;
}

/** Nothing to look into, as far as the score goes; what is unknown is not. */
export const isFair = (mos: number | null | undefined): boolean => (mos ?? 4.5) >= 3.6;

const times = (number: number): string => (number === 1 ? 'once' : `${count(number)} times`);

/** One sentence for each thing that was wrong. */
export function wrongs(quality: Quality | null | undefined): string[] {
  if (!quality) return [];
  const { network } = quality.inbound;
  const { reported, underruns, dry_ms, skipped_ms, late, refused } = quality.outbound;
  const said = (flaw: string): string => {
    switch (flaw) {
      case 'loss_in': {
        const lost = network?.loss_percent ?? 0;
        const left = network?.unrecovered_percent ?? lost;
        const repaired =
          left < lost ? `; ${left === 0 ? 'all of it was' : `all but ${percent(left)} was`} restored` : '';
        return `The caller's network lost ${percent(lost)} here${repaired}.`;
      }
      case 'jitter_in':
        return `The caller's voice came unevenly, by ${ms(network?.jitter_ms ?? 0)}.`;
      case 'gaps_in':
        return `Nothing came from the caller for ${ms(network?.gap_ms ?? 0)}, ${times(network?.gaps ?? 0)}.`;
      case 'loss_out':
        return `The way to the caller lost ${percent(reported?.loss_percent ?? 0)} of the agent's voice here.`;
      case 'jitter_out':
        return `The agent's voice reached the caller unevenly, by ${ms(reported?.jitter_ms ?? 0)}.`;
      case 'round_trip':
        return `The caller is far away: ${ms(quality.round_trip_ms ?? 0)} there and back.`;
      case 'underruns':
        return `The agent's voice ran out ${times(underruns)}, for ${ms(dry_ms)}: its maker was too slow.`;
      case 'late_out':
        return skipped_ms > 0
          ? `This server was too busy to send: ${ms(skipped_ms)} are missing.`
          : `This server sent ${count(late + refused)} packets late or not at all.`;
      default:
        return flaw.replaceAll('_', ' ');
    }
  };
  return quality.flaws.map(said);
}

export interface Measure {
  name: string;
  title?: string;
  /** From the caller, and to them. */
  values: [string, string];
}

const UNKNOWN = 'unknown';

/** What is shown of both directions; what nobody can know is said to be unknown. */
export function measures({ inbound, outbound }: Quality): Measure[] {
  const { network } = inbound;
  const { reported } = outbound;
  return [
    {
      name: 'Score',
      title: 'Mean opinion score, 1 to 4.5, by the E-model of ITU-T G.107',
      values: [scored(inbound.mos), scored(outbound.mos)],
    },
    {
      name: 'Lost',
      values: [
        network ? percent(network.loss_percent) : UNKNOWN,
        reported ? percent(reported.loss_percent) : UNKNOWN,
      ],
    },
    {
      name: 'After repair',
      title: 'What redundancy in later packets did not give back',
      values: [network ? percent(network.unrecovered_percent) : UNKNOWN, '–'],
    },
    {
      name: 'Too late',
      title: 'From the caller: came after it was due. To the caller: sent a frame late or more',
      values: [network ? count(network.late) : UNKNOWN, count(outbound.late)],
    },
    {
      name: 'Jitter',
      values: [network ? ms(network.jitter_ms) : UNKNOWN, reported ? ms(reported.jitter_ms) : UNKNOWN],
    },
    {
      name: 'Made up',
      title: 'Sound in place of what was lost',
      values: [network ? ms(network.concealed_ms) : UNKNOWN, '–'],
    },
    {
      name: 'Silence',
      title:
        "From the caller: nothing came. To the caller: the agent's voice ran out, or this server could not send",
      values: [network ? ms(network.gap_ms) : UNKNOWN, ms(outbound.dry_ms + outbound.skipped_ms)],
    },
  ];
}
