// By what calls go, and whether it could: SIP trunks of the server and accounts at carriers, each with its light and a call to try it.

import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import type { Trunk } from '../../server';
import { Problem, Said, Scroll, useTrunks } from '../../shell';
import { sentence } from '../../words';
import { CallBy } from './call-by';
import { calls, KINDS, STATES } from './form';

export function Light({ trunk }: { trunk: Trunk }) {
  const { name, tag } = STATES[trunk.state];
  return (
    <>
      <span className={tag} data-testid="trunk-light" data-state={trunk.state}>
        {name}
      </span>
      {trunk.detail && (
        <div className="quiet small words">
          <Said text={sentence(trunk.detail)} />
        </div>
      )}
    </>
  );
}

/** Nothing where there is none. */
export function Trunks() {
  const trunks = useTrunks({ follow: true });
  if (trunks.isLoadingError)
    return <Problem small error={trunks.error} again={() => void trunks.refetch()} />;
  if (!trunks.data?.data.length) return null;
  return (
    <section className="stack" aria-labelledby="trunks">
      <h2 id="trunks">Trunks</h2>
      <Scroll label="Table of trunks">
        <table className="cards" data-testid="trunks">
          <thead>
            <tr>
              <th scope="col">Trunk</th>
              <th scope="col">Kind</th>
              <th scope="col">Callees see</th>
              <th scope="col">State</th>
              <th scope="col">
                <span className="hidden">What can be done with it</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {trunks.data.data.map((trunk) => (
              <Row key={`${trunk.kind} ${trunk.name}`} trunk={trunk} />
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

function Row({ trunk }: { trunk: Trunk }) {
  const [calling, call] = useState(false);
  return (
    <tr data-testid="trunk-row" data-name={trunk.name}>
      <th scope="row">
        {trunk.account_id ? <Link to="/settings/providers">{trunk.name}</Link> : trunk.name}
      </th>
      <td data-label="Kind">{trunk.kind === 'sip' ? KINDS.sip : `Account at ${KINDS[trunk.kind]}`}</td>
      <td data-label="Callees see" className="break">
        {trunk.caller ? (
          <span className="mono">{trunk.caller}</span>
        ) : (
          <span className="quiet">as each call says</span>
        )}
      </td>
      <td data-label="State">
        <Light trunk={trunk} />
      </td>
      <td className="tight">
        <Button
          variant="subtle"
          disabled={!calls(trunk)}
          onClick={() => call(true)}
          aria-label={`Test call by ${trunk.name}`}
          data-testid="test-call"
        >
          Test call
        </Button>
        <CallBy opened={calling} trunk={trunk.name} close={() => call(false)} />
      </td>
    </tr>
  );
}
