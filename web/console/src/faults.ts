// What the server refused of a form, field by field, in the words of a form. No React here.

import { sentence } from './words';

export interface Fault {
  /** Into the body that was sent. */
  pointer: string;
  code: string;
  detail: string;
}

/** What a form says better itself: in its own units, or of a field that stands for another. */
export type Wording = (fault: Fault) => string | undefined;

const BETWEEN = /^must be between (\S+) and (\S+), not /;
const LONGER = /^(\d+) characters are more than (\d+)$/;

export function worded(fault: Fault, own?: Wording): string {
  const said = own?.(fault);
  if (said) return said;
  const range = limits(fault);
  const longer = LONGER.exec(fault.detail);
  if (fault.detail === 'must not be empty' || fault.code === 'missing') return 'Fill this in.';
  if (range) return `From ${range[0]} to ${range[1]}.`;
  if (longer) return `At most ${longer[2]} characters; these are ${longer[1]}.`;
  return sentence(fault.detail);
}

/** The least and the most, where the fault is that a number lies beyond them. */
export function limits({ code, detail }: Fault): [string, string] | null {
  const [, least, most] = (code === 'out_of_range' && BETWEEN.exec(detail)) || [];
  return least !== undefined && most !== undefined ? [least, most] : null;
}

const isAt = ({ pointer }: Fault, field: string): boolean =>
  pointer === field || pointer.startsWith(`${field}/`);

/** Of a field and of what it is made of; `undefined`: nothing is wrong with it. */
export const faultAt = (faults: readonly Fault[], field: string, own?: Wording): string | undefined =>
  faults
    .filter((fault) => isAt(fault, field))
    .map((fault) => worded(fault, own))
    .join(' ') || undefined;

/** Those that no field of the form is about. */
export const elsewhere = (faults: readonly Fault[], fields: readonly string[]): Fault[] =>
  faults.filter((fault) => !fields.some((field) => isAt(fault, field)));
