// One greeting: for which calls, when, in which words; what would be said, how it sounds, and what came of it.

import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import type { Greeting } from '../../server';
import { Form, Loading, notice, Page, Problem, Schedule } from '../../shell';
import { Scope, Words } from './fields';
import { blank, formOf, type GreetingForm, greetingOf, placed, settingOf, words } from './form';
import { Preview } from './preview';
import { change, create, useChange, useGreeting, useNames } from './queries';
import { Results } from './results';
import './greetings.css';

export default function GreetingPage() {
  const { id = 'new' } = useParams();
  const greeting = useGreeting(id);
  const title = id === 'new' ? 'New greeting' : greeting.data?.title || 'Greeting';
  return (
    <Page title={title} crumbs={<Link to="/greetings">Greetings</Link>}>
      {id === 'new' && <Editor greeting={null} />}
      {id !== 'new' && greeting.isPending && <Loading />}
      {id !== 'new' && greeting.isError && (
        <Problem error={greeting.error} again={() => void greeting.refetch()} />
      )}
      {greeting.data && <Editor key={greeting.data.id} greeting={greeting.data} />}
    </Page>
  );
}

function Editor({ greeting }: { greeting: Greeting | null }) {
  const [form, setForm] = useState<GreetingForm>(() => (greeting ? formOf(greeting) : blank()));
  const set = (part: Partial<GreetingForm>) => setForm((before) => ({ ...before, ...part }));
  const names = useNames();
  const go = useNavigate();
  const saving = useChange((form: GreetingForm) =>
    greeting ? change(greeting, settingOf(form)) : create(greetingOf(form)),
  );
  const save = () =>
    saving.mutate(form, {
      onSuccess: (saved) => {
        notice('The greeting is saved. The next call hears it.');
        if (!greeting) void go(`/greetings/${saved.id}`, { replace: true });
      },
    });
  const actions = (
    <>
      <Button component={Link} to="/greetings" variant="default">
        Back
      </Button>
      <Button type="submit" loading={saving.isPending} data-testid="save-greeting">
        Save
      </Button>
    </>
  );
  return (
    <div className="greeting">
      <Form
        error={saving.error}
        words={words}
        placed={(faults) => placed(saving.variables ?? form, faults)}
        submit={save}
        actions={actions}
      >
        <Scope form={form} set={set} names={names} fixed={greeting !== null} />
        <Schedule form={form} set={set} testid="greeting-scheduled" />
        <Words form={form} set={set} />
      </Form>
      <div className="stack">
        <Preview form={form} names={names} replaces={greeting?.id} />
        {greeting && <Results greeting={greeting} />}
      </div>
    </div>
  );
}
