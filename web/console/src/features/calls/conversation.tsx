// The transcript as it was heard, with the waterfall of each answer between question and answer.

import { memo, useMemo, useSyncExternalStore } from 'react';
import { useSearchParams } from 'react-router';
import type { Call, Line, Turn } from '../../server';
import { exactPosition, ms, plain, position } from '../../words';
import { TurnAudio } from './audio';
import { cutBy, heardAt, PART_MEANING, PARTS, rounded, type Span, servedBy } from './follow';
import { termsOf } from './found';
import { Marked } from './marked';
import type { Player } from './player';

const never = () => () => undefined;

export function Conversation({ call, spans, player }: { call: Call; spans: Span[]; player: Player | null }) {
  // The index of the line, not the time: the page is drawn anew when the line changes, not sixty times a second.
  const heard = useSyncExternalStore(player?.subscribe ?? never, () => {
    if (!player) return -1;
    const { atMs, playing } = player.get();
    return playing || atMs > 0 ? heardAt(spans, atMs) : -1;
  });
  // What was looked for where the call was found.
  const [address] = useSearchParams();
  const search = address.get('q') ?? '';
  const terms = useMemo(() => termsOf(search), [search]);
  const longest = Math.max(1, ...call.turns_detail.map((turn) => turn.latencies?.response_ms ?? 0));
  const details = new Map(call.turns_detail.map((turn) => [turn.turn, turn]));
  const turns = Map.groupBy(
    call.transcript.map((line, index) => ({ line, index })),
    ({ line }) => line.turn,
  );
  const answered = call.turns_detail.some((turn) => turn.latencies);
  return (
    <section className="conversation" aria-labelledby="conversation">
      <h2 id="conversation">Conversation</h2>
      {answered && <Legend />}
      {turns.size === 0 ? (
        <p className="note">Nothing was said.</p>
      ) : (
        <ol className="turns" data-testid="turns">
          {[...turns].map(([number, lines]) => {
            const turn = details.get(number);
            const speech = (role: Line['role']) =>
              lines
                .filter(({ line }) => line.role === role)
                .map(({ line, index }) => (
                  <Speech
                    key={index}
                    line={line}
                    terms={terms}
                    heard={index === heard}
                    fromMs={spans[index]?.fromMs ?? line.at_ms}
                    play={player?.playFrom ?? null}
                  />
                ));
            return (
              <li key={number} className="turn" data-testid="turn">
                {speech('caller')}
                {turn?.latencies && <Waterfall turn={turn} latencies={turn.latencies} longest={longest} />}
                {speech('agent')}
                <TurnAudio turn={turn} />
              </li>
            );
          })}
        </ol>
      )}
    </section>
  );
}

function Legend() {
  return (
    <ul className="legend">
      {PARTS.map((part) => (
        <li key={part} title={PART_MEANING[part]}>
          <span className={`swatch ${part}`} aria-hidden="true" />
          {part}
          <span className="hidden">: {PART_MEANING[part]}</span>
        </li>
      ))}
    </ul>
  );
}

function Speech({
  line,
  terms,
  heard,
  fromMs,
  play,
}: {
  line: Line;
  terms: string[][];
  heard: boolean;
  fromMs: number;
  play: ((atMs: number) => void) | null;
}) {
  const cut = cutBy(line);
  const time = position(fromMs);
  return (
    // The button does the same for keys; the row is a larger place to press.
    // biome-ignore lint/a11y/noStaticElementInteractions: see above
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    <div
      className={heard ? 'speech now' : 'speech'}
      data-testid="line"
      data-role={line.role}
      data-heard={heard}
      onClick={play ? () => play(fromMs) : undefined}
    >
      <span className="who">{line.role === 'caller' ? 'Caller' : 'Agent'}</span>
      <span className="what">
        <Marked text={line.text} terms={terms} />
        {line.unheard && (
          <>
            {' '}
            <del className="unheard" title="This was not heard">
              <span className="hidden">not heard: </span>
              <Marked text={line.unheard} terms={terms} />
            </del>
          </>
        )}
        {line.saying && (
          <span className="tag good live" data-testid="saying">
            speaking
          </span>
        )}
        {cut && <span className="tag warn">{cut}</span>}
        {line.typed && <span className="tag">typed</span>}
      </span>
      {play ? (
        <button
          type="button"
          className="at number"
          onClick={(event) => {
            event.stopPropagation();
            play(fromMs);
          }}
          aria-label={`Play from ${time}`}
        >
          {time}
        </button>
      ) : (
        <span className="at number">{time}</span>
      )}
    </div>
  );
}

const Waterfall = memo(function Waterfall({
  turn,
  latencies,
  longest,
}: {
  turn: Turn;
  latencies: NonNullable<Turn['latencies']>;
  longest: number;
}) {
  const lengths = PARTS.map((part) => latencies[`${part}_ms`]);
  const shown = rounded(lengths, latencies.response_ms);
  const served = servedBy(turn.served_by);
  return (
    <div className="waterfall">
      <div className="track">
        <div className="scale">
          <div
            className="bars"
            aria-hidden="true"
            style={{ width: `${((latencies.response_ms / longest) * 100).toFixed(2)}%` }}
          >
            {PARTS.map((part, index) =>
              lengths[index] ? (
                <span
                  key={part}
                  className={part}
                  title={`${part}: ${shown[index]} ms`}
                  style={{ flex: `${lengths[index]} 0 0` }}
                />
              ) : null,
            )}
          </div>
        </div>
        <span className="total number" data-testid="response">
          {ms(latencies.response_ms)}
        </span>
      </div>
      <ul className="parts" data-testid="parts" aria-label="Parts of the response, in milliseconds">
        {PARTS.map((part, index) => (
          <li key={part} data-part={part}>
            <span className={`swatch ${part}`} aria-hidden="true" />
            <span className="hidden">{part} </span>
            <b>{shown[index]}</b>
          </li>
        ))}
        <li className="quiet" aria-hidden="true">
          ms
        </li>
      </ul>
      <details className="marks">
        <summary>Marks{turn.nodes.length > 0 && ` · ${turn.nodes.join(' → ')}`}</summary>
        {served && (
          <p className="quiet" data-testid="served">
            {served}
          </p>
        )}
        <ol>
          {turn.marks.map(({ mark, at_ms }) => (
            <li key={mark}>
              <span>{plain(mark)}</span>
              <span>{exactPosition(at_ms)}</span>
            </li>
          ))}
        </ol>
      </details>
    </div>
  );
});
