// What a message has in it besides words: code between backticks, and addresses of the pages about errors. No React here.

export interface Piece {
  kind: 'text' | 'code' | 'page';
  text: string;
}

const PARTS = /`([^`\n]+)`|(\/docs\/errors\/[A-Z0-9_]+)/g;

/** In their order; a backtick without another one is a letter as any. */
export function pieces(message: string): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const part of message.matchAll(PARTS)) {
    if (part.index > at) found.push({ kind: 'text', text: message.slice(at, part.index) });
    const [whole, code] = part;
    found.push(code === undefined ? { kind: 'page', text: whole } : { kind: 'code', text: code });
    at = part.index + whole.length;
  }
  if (at < message.length) found.push({ kind: 'text', text: message.slice(at) });
  return found;
}
