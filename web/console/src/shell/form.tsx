// A form that the server may refuse: what is wrong stands at its field, the first of them has the focus, and what no field
// is about stands at the end.

import { createContext, type ReactNode, useContext, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { elsewhere, type Fault, faultAt, type Wording } from '../faults';
import { refusalOf } from '../server';
import { plural } from '../words';
import { Said } from './said';
import { Problem } from './states';

const Faults = createContext<{ faults: readonly Fault[]; words: Wording | undefined }>({
  faults: [],
  words: undefined,
});

/** For the field of that place in the body: its place, and what is wrong with it. */
export function useFaultAt() {
  const { faults, words } = useContext(Faults);
  return (pointer: string) => {
    const fault = faultAt(faults, pointer, words);
    return { 'data-pointer': pointer, error: fault && <Said text={fault} /> };
  };
}

const WRITABLE = 'textarea, input, select';

/** To the field, or to the nearest part that holds it. `false`: there is none. */
export function leadTo(pointer: string, root: ParentNode = document): boolean {
  for (let path = pointer; ; path = path.slice(0, path.lastIndexOf('/'))) {
    const place = root.querySelector<HTMLElement>(`[data-pointer="${CSS.escape(path)}"]`);
    if (place) {
      if (place instanceof HTMLDetailsElement) place.open = true;
      const closed = place.closest('details');
      if (closed) closed.open = true;
      place.scrollIntoView({ block: 'center' });
      const field = place.matches(WRITABLE) ? place : place.querySelector<HTMLElement>(WRITABLE);
      (field ?? place.querySelector('summary'))?.focus();
      return true;
    }
    if (!path) return false;
  }
}

const pointersIn = (form: HTMLElement): string[] =>
  Array.from(form.querySelectorAll<HTMLElement>('[data-pointer]'), ({ dataset }) => dataset.pointer ?? '');

export function Form({
  error,
  words,
  placed = (faults) => faults,
  className = 'stack',
  submit,
  actions,
  children,
}: {
  /** Why the last try was refused; null: it was not. */
  error: unknown;
  words?: Wording;
  /** Where the body that was sent has other places than the form. */
  placed?: (faults: Fault[]) => Fault[];
  className?: string;
  submit: () => void;
  actions: ReactNode;
  children: ReactNode;
}) {
  const form = useRef<HTMLFormElement>(null);
  const [left, setLeft] = useState<Fault[]>([]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: places are those of the try that was refused
  const faults = useMemo(() => (error ? placed(refusalOf(error).errors) : []), [error]);
  const told = useMemo(() => ({ faults, words }), [faults, words]);
  // Which fields there are, and which of them has the focus, is the browser's.
  useLayoutEffect(() => {
    if (!form.current) return;
    const fields = pointersIn(form.current);
    setLeft(elsewhere(faults, fields));
    const first = fields.find((field) => faultAt(faults, field));
    if (first !== undefined) leadTo(first, form.current);
  }, [faults]);
  return (
    <Faults value={told}>
      <form
        ref={form}
        className={className}
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        {children}
        {error && faults.length > 0 && left.length === 0 ? (
          <p className="note wrong" role="alert" data-testid="form-faults">
            {plural(faults.length, 'field needs', 'fields need')} another look.
          </p>
        ) : (
          !!error && <Problem small error={error} faults={left} words={words} />
        )}
        <div className="row end">{actions}</div>
      </form>
    </Faults>
  );
}
