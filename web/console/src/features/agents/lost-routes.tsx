// What is left to do after an environment got a version: it serves, and some routes name nodes that it does not have.

import { Button, Modal } from '@mantine/core';
import { Link } from 'react-router';
import type { Moved } from '../../server';

type Lost = Moved['routes_without_node'];

export function LostRoutes({
  routes,
  version,
  environment,
  close,
}: {
  routes: Lost;
  version: number;
  environment: string;
  close: () => void;
}) {
  const one = routes.length === 1;
  return (
    <div className="stack">
      <p>
        Version {version} is in {environment}.
      </p>
      <div className="note warn stack tight" role="status" data-testid="routes-without-node">
        <p>
          <strong>
            {one ? 'A route begins' : `${routes.length} routes begin`} at a node that version {version} does
            not have.
          </strong>{' '}
          {one ? 'Its' : 'Their'} calls begin at the agent's entry until that is changed.
        </p>
        <ul className="lost">
          {routes.map(({ id, title, node }) => (
            <li key={id}>
              <Link to={`/routes/${id}`}>{title || 'A route without a name'}</Link>{' '}
              <span className="quiet">
                at <code>{node}</code>
              </span>
            </li>
          ))}
        </ul>
      </div>
      <div className="row end">
        <Button onClick={close} data-testid="publish-done">
          Close
        </Button>
      </div>
    </div>
  );
}

/** The same in a dialog of its own; shown where routes were lost. */
export function LostRoutesDialog({
  moved,
  environment,
  close,
}: {
  moved: Moved | null;
  environment: string;
  close: () => void;
}) {
  return (
    <Modal
      opened={moved !== null}
      onClose={close}
      title={`Routes into ${environment}`}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {moved && (
        <LostRoutes
          routes={moved.routes_without_node}
          version={moved.version}
          environment={environment}
          close={close}
        />
      )}
    </Modal>
  );
}
