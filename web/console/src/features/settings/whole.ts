// Whole numbers as people write them into a field, where nothing means no limit: null.

export const written = (number: number | null | undefined): string => (number == null ? '' : String(number));

function whole(unit: string, most: number) {
  /** Undefined: not a number that the server takes. */
  const of = (text: string): number | null | undefined => {
    const given = text.trim();
    if (given === '') return null;
    const number = /^\d{1,6}$/.test(given) ? Number(given) : 0;
    return number >= 1 && number <= most ? number : undefined;
  };
  const refusal = (text: string): string | undefined =>
    of(text) === undefined ? `A whole number of ${unit} from 1 to ${most}, or nothing` : undefined;
  return { of, refusal };
}

/** How long something is kept. */
export const days = whole('days', 3650);
/** How soon callers are to be answered. */
export const milliseconds = whole('ms', 60_000);
