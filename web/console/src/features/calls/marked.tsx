import { Fragment } from 'react';
import { marked } from './found';

/** A text in which the words of a search stand out. */
export function Marked({ text, terms }: { text: string; terms: readonly string[][] }) {
  if (terms.length === 0) return text;
  return marked(text, terms).map((part, place) => {
    const Piece = part.found ? 'mark' : Fragment;
    // biome-ignore lint/suspicious/noArrayIndexKey: pieces have no other name than their place
    return <Piece key={place}>{part.text}</Piece>;
  });
}
