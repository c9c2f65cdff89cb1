// The words of a search, in the texts in which they were found. The database looks for whole words, whatever their case, and reads a
// search as people know it from the web: `"in this order"`, `-without`, `this or that`. No React here.

const WORD = /[\p{L}\p{N}]+/gu;
const wordsOf = (text: string): string[] => (text.toLowerCase().match(WORD) ?? []).map(String);

/** What a call that is found may have: single words, and words in their order. */
export function termsOf(search: string): string[][] {
  const parts = search.match(/-?"[^"]*"?|\S+/g) ?? [];
  return parts
    .filter((part) => !part.startsWith('-') && part.toLowerCase() !== 'or')
    .map(wordsOf)
    .filter((words) => words.length > 0);
}

export interface Part {
  text: string;
  found: boolean;
}

/** The text in pieces; those that were looked for are `found`. */
export function marked(text: string, terms: readonly string[][]): Part[] {
  const words = [...text.matchAll(WORD)].map((match) => ({
    word: match[0].toLowerCase(),
    from: match.index,
    to: match.index + match[0].length,
  }));
  const found: { from: number; to: number }[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const longest = terms
      .filter((term) => term.every((word, step) => words[at + step]?.word === word))
      .reduce((most, term) => Math.max(most, term.length), 0);
    const [first, last] = [words[at], words[at + longest - 1]];
    if (!longest || !first || !last) continue;
    found.push({ from: first.from, to: last.to });
    at += longest - 1;
  }
  const parts: Part[] = [];
  let done = 0;
  for (const { from, to } of found) {
    if (from > done) parts.push({ text: text.slice(done, from), found: false });
    parts.push({ text: text.slice(from, to), found: true });
    done = to;
  }
  if (done < text.length) parts.push({ text: text.slice(done), found: false });
  return parts;
}
