// The other side of a call.

import { partyOf } from '../words';
import './party.css';

/** Where the transport says it. */
export function Party({ call }: { call: { direction?: string | null; party?: string | null } }) {
  const party = partyOf(call);
  if (!party) return null;
  return (
    <span
      className="party quiet small"
      data-testid="party"
      data-direction={call.direction}
      title={party.text}
    >
      <span aria-hidden="true">{party.sign}</span> {party.text}
    </span>
  );
}
