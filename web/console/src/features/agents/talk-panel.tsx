// The widget that visitors get, on the draft: beside what is edited, so that both are seen.

import { ActionIcon } from '@mantine/core';
import { createElement, useEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import type { Problem as Reported } from '../../server';
import { CloseIcon, Problem, useScheme } from '../../shell';
import { errorsAmong } from './definition';
import type { Keeping } from './keeper';
import { useReady } from './queries';

const SCRIPT = '/widget.js';

/** The widget is its own script, as on everybody's page. */
function load(): void {
  if (document.querySelector(`script[src="${SCRIPT}"]`)) return;
  const script = document.createElement('script');
  script.src = SCRIPT;
  document.head.append(script);
}

export function TalkPanel({
  agent,
  title,
  kept,
  close,
}: {
  agent: string;
  title: string;
  kept: Keeping<Reported>;
  close: () => void;
}) {
  const scheme = useScheme();
  const place = useRef<HTMLDivElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const [ended, setEnded] = useState<string | null>(null);
  // A custom element reports by events of its own.
  useEffect(() => {
    load();
    const element = place.current;
    const heard = (event: Event) =>
      setEnded((event as CustomEvent<{ sessionId: string | null }>).detail.sessionId);
    element?.addEventListener('agent-foundry:ended', heard);
    element?.scrollIntoView({ block: 'nearest' });
    // Keys begin here: the whole draft lies between the button that opened this and the call.
    heading.current?.focus({ preventScroll: true });
    return () => element?.removeEventListener('agent-foundry:ended', heard);
  }, []);
  const broken = errorsAmong(kept.problems).length > 0;
  const ready = useReady(agent, kept.revision, !broken && kept.state === 'saved');
  // The tests' browser may have no way for WebRTC: the page's address says so, as on the page at `/`.
  const transport = new URLSearchParams(location.search).get('transport');
  return (
    <aside className="talking stack tight" aria-label="Talk to the draft" data-testid="talk-panel">
      <div className="row apart">
        <h2 ref={heading} tabIndex={-1}>
          Talk to the draft
        </h2>
        <ActionIcon aria-label="Close" onClick={close} data-testid="close-talk">
          <CloseIcon />
        </ActionIcon>
      </div>
      {broken && (
        <p className="note warn small">The draft has problems: it can be called once they are solved.</p>
      )}
      {ready.isError && <Problem small error={ready.error} again={() => void ready.refetch()} />}
      <div ref={place}>
        {!ready.data && !ready.isError && !broken && (
          <p className="note" role="status">
            Getting the draft ready…
          </p>
        )}
        {ready.data &&
          createElement('agent-foundry-widget', {
            agent: `${agent}@draft`,
            label: title,
            theme: scheme,
            ...(transport && { transport }),
            'data-testid': 'widget',
          })}
      </div>
      {ended ? (
        <Link to={`/calls/${ended}`} data-testid="last-call">
          See what happened in this call, turn by turn
        </Link>
      ) : (
        <p className="quiet small">
          A call keeps the draft it began with; the next one has what you change now.
        </p>
      )}
    </aside>
  );
}
