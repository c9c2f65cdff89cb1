// How the sound of a call fared on its way, for the call and where it was bad.

import type { Call, Turn } from '../../server';
import { ms } from '../../words';
import { measures, wrongs } from './quality';

/** What was wrong while this turn went on; nothing where nothing was. */
export function TurnAudio({ turn }: { turn: Turn | undefined }) {
  const said = wrongs(turn?.quality);
  if (said.length === 0) return null;
  return (
    <p
      className={turn?.quality?.poor ? 'note warn small heard-so' : 'note small heard-so'}
      data-testid="audio"
    >
      {said.join(' ')}
    </p>
  );
}

/** Both directions of the whole call, side by side. */
export function CallAudio({ call }: { call: Call }) {
  const { quality } = call;
  if (!quality) return null;
  const said = wrongs(quality).map((text) => text.replace(/ here(?=[.;])/, ''));
  const bad = call.turns_detail.filter((turn) => turn.quality?.poor).length;
  return (
    <section className="card" data-testid="call-audio">
      <h2>Audio</h2>
      <table className="audio">
        <thead>
          <tr>
            <td />
            <th scope="col">From the caller</th>
            <th scope="col">To the caller</th>
          </tr>
        </thead>
        <tbody>
          {measures(quality).map(({ name, title, values }) => (
            <tr key={name} data-measure={name}>
              <th scope="row" title={title}>
                {name}
              </th>
              {values.map((value, index) => (
                // Always two, in this order.
                // biome-ignore lint/suspicious/noArrayIndexKey: see above
                <td key={index} className={value === 'unknown' ? 'quiet' : ''}>
                  {value}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="quiet small">
        {quality.round_trip_ms === null || quality.round_trip_ms === undefined
          ? 'How far away the caller is, is not known.'
          : `${ms(quality.round_trip_ms)} to the caller and back.`}
        {quality.outbound.reported ? '' : " The caller's side does not report how the agent is heard."}
      </p>
      {said.length > 0 && (
        <ul className="stack tight">
          {said.map((text) => (
            <li className="note warn small" key={text} data-testid="audio-wrong">
              {text}
            </li>
          ))}
        </ul>
      )}
      {bad > 0 && (
        <p className="small" data-testid="audio-bad-turns">
          Poor in {bad === 1 ? 'one turn' : `${bad} turns`}, marked in the conversation.
        </p>
      )}
    </section>
  );
}
