// Whom calls reach, by what they bring; and a call that is tried without calling.

import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import type { Route } from '../../server';
import { AddIcon, Confirm, Empty, Loading, More, Page, Problem, Scroll } from '../../shell';
import { conditions } from './form';
import { type Names, remove, useChange, useNames, useRoutes } from './queries';
import { Test } from './test';
import './routes.css';

export default function RoutesPage() {
  const routes = useRoutes();
  const names = useNames();
  const make = (
    <Button component={Link} to="/routes/new" leftSection={<AddIcon />} data-testid="new-route">
      New route
    </Button>
  );
  return (
    <Page
      title="Routes"
      about="Which agent a call reaches, by what it brings. Of those that fit, the most specific one is taken; a call that none fits is refused."
      actions={routes.data?.length ? make : undefined}
    >
      <div className="stack loose">
        {routes.isPending && <Loading rows={3} />}
        {routes.isError && <Problem error={routes.error} again={() => void routes.refetch()} />}
        {routes.data?.length === 0 && (
          <Empty title="No telephone number leads anywhere yet" action={make}>
            A route sends calls to an agent: those for a number, of a trunk or an account at a carrier, in a
            room, at certain hours.
          </Empty>
        )}
        {!!routes.data?.length && (
          <>
            <List routes={routes.data} names={names} />
            <More pages={routes} />
            <Test />
          </>
        )}
      </div>
    </Page>
  );
}

function List({ routes, names }: { routes: Route[]; names: Names }) {
  return (
    <Scroll label="Routes">
      <table className="cards" data-testid="routes">
        <thead>
          <tr>
            <th scope="col">Calls</th>
            <th scope="col">Agent</th>
            <th scope="col">Environment</th>
            <th scope="col">State</th>
            <th scope="col">
              <span className="hidden">What can be done with it</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {routes.map((route) => (
            <Row key={route.id} route={route} names={names} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Row({ route, names }: { route: Route; names: Names }) {
  const [asking, ask] = useState(false);
  const removing = useChange(remove);
  const of = (list: { value: string; label: string }[], id: string) =>
    list.find((one) => one.value === id)?.label ?? id;
  const name = route.title || conditions(route);
  return (
    <tr data-testid="route-row">
      <th scope="row">
        <Link to={`/routes/${route.id}`} className="break">
          {name}
        </Link>
        {route.title && <div className="quiet small break">{conditions(route)}</div>}
      </th>
      <td data-label="Agent">
        {of(names.agents, route.agent_id)}
        {route.node && <div className="quiet small break">begins at {route.node}</div>}
      </td>
      <td data-label="Environment">{of(names.environments, route.environment_id)}</td>
      <td className="tight" data-label="State">
        <span className={route.enabled ? 'tag good' : 'tag'}>{route.enabled ? 'on' : 'off'}</span>
      </td>
      <td className="tight">
        <Button variant="subtle" color="danger" onClick={() => ask(true)} aria-label={`Remove ${name}`}>
          Remove
        </Button>
        <Confirm
          opened={asking}
          close={() => ask(false)}
          title="Remove this route?"
          does="Remove"
          act={() => removing.mutateAsync(route)}
        >
          The next call takes another route that fits, or is refused. Its number is anybody's again.
        </Confirm>
      </td>
    </tr>
  );
}
