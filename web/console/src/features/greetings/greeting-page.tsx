// One greeting: for which calls, when, in which words; what would be said, how it sounds, and what came of it.

import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { type Greeting, refusalOf } from '../../server';
import { Loading, notice, Page, Problem, Schedule } from '../../shell';
import { Scope, Words } from './fields';
import { blank, type Form, formOf, greetingOf, settingOf } from './form';
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
  const [form, setForm] = useState<Form>(() => (greeting ? formOf(greeting) : blank()));
  const set = (part: Partial<Form>) => setForm((before) => ({ ...before, ...part }));
  const names = useNames();
  const go = useNavigate();
  const saving = useChange(() => (greeting ? change(greeting, settingOf(form)) : create(greetingOf(form))));
  const errors = saving.isError ? refusalOf(saving.error).errors : [];
  const part = { form, set, errors };
  return (
    <div className="greeting">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          saving.mutate(undefined, {
            onSuccess: (saved) => {
              notice('The greeting is saved. The next call hears it.');
              if (!greeting) void go(`/greetings/${saved.id}`, { replace: true });
            },
          });
        }}
      >
        <Scope {...part} names={names} fixed={greeting !== null} />
        <Schedule {...part} testid="greeting-scheduled" />
        <Words {...part} />
        {saving.isError && <Problem error={saving.error} />}
        <div className="row end">
          <Button component={Link} to="/greetings" variant="default">
            Back
          </Button>
          <Button type="submit" loading={saving.isPending} data-testid="save-greeting">
            Save
          </Button>
        </div>
      </form>
      <div className="stack">
        <Preview form={form} names={names} replaces={greeting?.id} />
        {greeting && <Results greeting={greeting} />}
      </div>
    </div>
  );
}
