// One route: what a call must bring, when, and whom it reaches; tried before it is saved.

import { Button, NativeSelect, Switch, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { HOME } from '../../served';
import type { Route } from '../../server';
import { chosen, Form, Loading, notice, Page, Problem, Schedule, useFaultAt } from '../../shell';
import { beginnings, blank, formOf, type RouteForm, routeOf, words } from './form';
import { change, create, type Names, useChange, useNames, useRoute, useServed } from './queries';
import { Test } from './test';
import './routes.css';

export default function RoutePage() {
  const { id = 'new' } = useParams();
  const route = useRoute(id);
  const names = useNames();
  const title = id === 'new' ? 'New route' : route.data?.title || 'Route';
  const named = names.agents.length > 0 && names.environments.length > 0;
  return (
    <Page title={title} crumbs={<Link to="/routes">Routes</Link>}>
      {((id !== 'new' && route.isPending) || !named) && !route.isError && <Loading />}
      {route.isError && <Problem error={route.error} again={() => void route.refetch()} />}
      {id === 'new' && named && <Editor route={null} names={names} />}
      {route.data && named && <Editor key={route.data.id} route={route.data} names={names} />}
    </Page>
  );
}

const first = (names: Names): RouteForm => ({
  ...blank(),
  agent: names.first,
  environment: (names.environments.find((one) => one.label === HOME) ?? names.environments[0])?.value ?? '',
});

function Editor({ route, names }: { route: Route | null; names: Names }) {
  const [form, setForm] = useState<RouteForm>(() => (route ? formOf(route) : first(names)));
  const set = (part: Partial<RouteForm>) => setForm((before) => ({ ...before, ...part }));
  const go = useNavigate();
  const saving = useChange(() => (route ? change(route, routeOf(form)) : create(routeOf(form))));
  const save = () =>
    saving.mutate(undefined, {
      onSuccess: (saved) => {
        notice('The route is saved. Calls take it within a second.');
        if (!route) void go(`/routes/${saved.id}`, { replace: true });
      },
    });
  const actions = (
    <>
      <Button component={Link} to="/routes" variant="default">
        Back
      </Button>
      <Button type="submit" loading={saving.isPending} data-testid="save-route">
        Save
      </Button>
    </>
  );
  return (
    <div className="route">
      <Form error={saving.error} words={words} submit={save} actions={actions}>
        <Conditions form={form} set={set} />
        <Schedule form={form} set={set} testid="route-scheduled" />
        <Target form={form} set={set} names={names} />
      </Form>
      <Test draft={routeOf(form)} replaces={route?.id} />
    </div>
  );
}

interface Part {
  form: RouteForm;
  set: (part: Partial<RouteForm>) => void;
}

function Conditions({ form, set }: Part) {
  const at = useFaultAt();
  const text = (field: 'number' | 'room' | 'host' | 'trunk', label: string, description: string) => (
    <TextInput
      label={label}
      description={description}
      value={form[field]}
      {...at(`/${field}`)}
      onChange={(event) => set({ [field]: chosen(event) })}
      data-testid={`route-${field}`}
    />
  );
  return (
    <section className="card stack" aria-labelledby="conditions">
      <h2 id="conditions">Which calls</h2>
      <p className="quiet small">All that is filled in must hold. What is empty does not narrow.</p>
      <TextInput
        label="Name"
        description="For you and your colleagues"
        value={form.title}
        {...at('/title')}
        onChange={(event) => set({ title: chosen(event) })}
        data-testid="route-title"
      />
      <div className="pair">
        {text('number', 'Number called', 'Such as +41441234567, or +4144* for all that begin so')}
        {text('room', 'Room', 'Its name, or support-* for all that begin so')}
        {text('trunk', 'Trunk or account', 'The name of the one that the call comes in by')}
        {text('host', 'Hostname', 'Given by the operator of the server')}
      </div>
      <Textarea
        label="Headers"
        description="Of the SIP message: Name: value, one on each line. The server hands on those that its configuration names"
        autosize
        minRows={1}
        value={form.headers}
        {...at('/headers')}
        onChange={(event) => set({ headers: chosen(event) })}
      />
    </section>
  );
}

function Target({ form, set, names }: Part & { names: Names }) {
  const at = useFaultAt();
  const environment = names.environments.find((one) => one.value === form.environment)?.label ?? '';
  const served = useServed(form.agent, environment);
  return (
    <section className="card stack" aria-labelledby="target">
      <h2 id="target">Whom they reach</h2>
      <div className="pair">
        <NativeSelect
          label="Agent"
          value={form.agent}
          {...at('/agent_id')}
          onChange={(event) => set({ agent: chosen(event), node: '' })}
          data={names.agents}
          data-testid="route-agent"
        />
        <NativeSelect
          label="Environment"
          value={form.environment}
          {...at('/environment_id')}
          onChange={(event) => set({ environment: chosen(event) })}
          data={names.environments}
        />
        <NativeSelect
          label="Where the call begins"
          description="The greeting is said first"
          value={form.node}
          {...at('/node')}
          onChange={(event) => set({ node: chosen(event) })}
          data={beginnings(served.data, form.node)}
          data-testid="route-node"
        />
      </div>
      <Switch
        label="On"
        description="One that is off keeps its number"
        checked={form.enabled}
        onChange={(event) => set({ enabled: event.currentTarget.checked })}
      />
    </section>
  );
}
