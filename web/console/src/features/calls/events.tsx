import { Checkbox, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { Call } from '../../server';
import { Scroll } from '../../shell';
import { position } from '../../words';
import { matches } from './follow';
import { logUrl } from './queries';

/** More rows than this make the page slow; the filter and the log lead to the rest. */
const ROWS = 500;

export function Events({ call }: { call: Call }) {
  const [words, setWords] = useState('');
  const [partials, setPartials] = useState(false);
  const found = call.events.filter((event) => matches(event, words, partials));
  const cut = found.length > ROWS || call.events_truncated;
  return (
    <section className="stack tight">
      <div className="row apart">
        <h2>Events</h2>
        <div className="row">
          <span className="quiet small" role="status">
            {Math.min(found.length, ROWS)} of {call.events.length}
            {cut && (
              <>
                ; the <a href={logUrl(call)}>log</a> has all
              </>
            )}
          </span>
          <Checkbox
            label="Partial transcripts"
            checked={partials}
            onChange={(event) => setPartials(event.currentTarget.checked)}
          />
          <TextInput
            type="search"
            aria-label="Filter events"
            placeholder="Filter, such as heard"
            value={words}
            onChange={(event) => setWords(event.currentTarget.value)}
            data-testid="event-filter"
          />
        </div>
      </div>
      <Scroll label="Events" className="events">
        <table data-testid="events">
          <thead>
            <tr>
              <th scope="col" className="number">
                At
              </th>
              <th scope="col">Event</th>
              <th scope="col" className="number">
                Turn
              </th>
              <th scope="col">What</th>
            </tr>
          </thead>
          <tbody>
            {found.slice(0, ROWS).map((event, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two events may be alike in all they have
              <tr key={index}>
                <td className="number">{position(event.at_ms)}</td>
                <td className="mono">{event.kind}</td>
                <td className="number">{event.turn ?? ''}</td>
                <td className="break">{event.text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
