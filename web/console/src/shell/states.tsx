// Nothing yet, not yet, and not at all: each says what to do.

import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { type Fault, type Wording, worded } from '../faults';
import { refusalOf } from '../server';
import { fullMoment, moment, sentence } from '../words';
import { Said } from './said';

export function Time({ at }: { at: string }) {
  return (
    <time dateTime={at} title={fullMoment(at)}>
      {moment(at)}
    </time>
  );
}

export function Empty({
  title,
  children,
  action,
}: {
  title: string;
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="empty" data-testid="empty">
      <strong>{title}</strong>
      <p>{children}</p>
      {action && <div className="row">{action}</div>}
    </div>
  );
}

export function Loading({ rows = 5 }: { rows?: number }) {
  return (
    <div className="skeleton" role="status">
      <span className="hidden">Loading…</span>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are alike
        <span key={row} aria-hidden="true" />
      ))}
    </div>
  );
}

/** What the server refused and why, with the page of its code and the name under which its log has the request. */
export function Problem({
  error,
  again,
  small = false,
  faults,
  words,
}: {
  error: unknown;
  again?: (() => void) | undefined;
  small?: boolean;
  /** Of a form: those that stand at no field, to be said in its words. */
  faults?: Fault[];
  words?: Wording | undefined;
}) {
  const { title, detail, code, requestId, errors } = refusalOf(error);
  const heading = faults?.length ? 'It cannot be saved as it is' : title;
  const told = faults ? errors.length === 0 : true;
  return (
    <div className={small ? 'problem small' : 'problem'} role="alert" data-testid="problem" data-code={code}>
      <strong>{heading}</strong>
      {detail && told && (
        <span>
          <Said text={sentence(detail)} />
        </span>
      )}
      {faults && faults.length > 0 && (
        <ul>
          {faults.map((one) => (
            <li key={one.pointer + one.detail}>
              <Said text={worded(one, words)} />
            </li>
          ))}
        </ul>
      )}
      {!faults && errors.length > 0 && (
        <ul>
          {errors.map((one) => (
            <li key={one.pointer + one.detail}>
              <code>{one.pointer || '/'}</code> <Said text={one.detail} />
            </li>
          ))}
        </ul>
      )}
      <div className="row small">
        {again && (
          <Button variant="default" onClick={again}>
            Try again
          </Button>
        )}
        {code && (
          <a className="mono" href={`/docs/errors/${code}`}>
            {code}
          </a>
        )}
        {requestId && <span className="mono quiet break">{requestId}</span>}
      </div>
    </div>
  );
}
