// What was just done, said once for eyes and for readers of a screen.

import { useSyncExternalStore } from 'react';

const SHOWN_MS = 4000;
let shown: { id: number; text: string }[] = [];
let last = 0;
const listeners = new Set<() => void>();

function show(next: typeof shown): void {
  shown = next;
  for (const listener of listeners) listener();
}

export function notice(text: string): void {
  last += 1;
  const id = last;
  show([...shown, { id, text }]);
  setTimeout(() => show(shown.filter((one) => one.id !== id)), SHOWN_MS);
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export function Notices() {
  const list = useSyncExternalStore(subscribe, () => shown);
  return (
    <div className="notices" role="status" data-testid="notices">
      {list.map(({ id, text }) => (
        <div key={id}>{text}</div>
      ))}
    </div>
  );
}
