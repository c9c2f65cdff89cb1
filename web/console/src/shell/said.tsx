import { Fragment } from 'react';
import { pieces } from '../inline';

/** A message of the server, with its code as code and the pages that it names as links. */
export function Said({ text }: { text: string }) {
  return pieces(text).map(({ kind, text: part }, place) => {
    // A message is never put in another order.
    const key = `${place} ${part}`;
    if (kind === 'code') return <code key={key}>{part}</code>;
    if (kind === 'page') {
      return (
        <a key={key} href={part}>
          {part}
        </a>
      );
    }
    return <Fragment key={key}>{part}</Fragment>;
  });
}
