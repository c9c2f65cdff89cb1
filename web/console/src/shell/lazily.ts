// Pages whose code is loaded when they are asked for.

import { type ComponentType, lazy } from 'react';
import { secretIn } from './session';

/** Where the address asks for it, it is loaded while the rest of the console begins, and so is what `ahead` asks the server for. */
export function lazily(place: string, load: () => Promise<{ default: ComponentType }>, ahead?: () => void) {
  if (location.pathname.startsWith(`/console/${place}`)) {
    // What fails here is told where it is needed.
    load().catch(() => undefined);
    // Somebody who is still to be signed in by the address would be refused.
    if (!secretIn(location.hash)) ahead?.();
  }
  return lazy(load);
}
