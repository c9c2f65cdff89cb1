// The plain form of a draft: what is heard first, above; what few people change, below and closed.

import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useNavigate } from 'react-router';
import type { Agent } from '../../server';
import { AddIcon, Confirm, notice } from '../../shell';
import { count, plural } from '../../words';
import {
  errorsAmong,
  FIELDS,
  gist,
  KINDS,
  type Kind,
  type NodeOf,
  nameFault,
  nodesOf,
  PARTS,
  problemsAt,
  WORDINGS,
} from './definition';
import { ChoiceField, JsonField, NumberField, TextField, useEditing, WordingsField } from './fields';
import { at, isObject, pointer, withAt } from './pointer';
import { ProvidersForm } from './providers-form';
import { archive } from './queries';

/** More nodes than these are looked for, not looked through. */
const MANY = 8;
const LANGUAGES = ['en', 'en-GB', 'en-US', 'de', 'fr', 'es', 'it', 'nl', 'pl', 'pt'];

export function DraftForm({ agent }: { agent: Agent }) {
  return (
    <div className="stack">
      <section className="card stack" aria-labelledby="first">
        <h2 id="first">What callers hear first</h2>
        <div className="pair">
          <TextField path={FIELDS.title} label="Title" description="For people, in lists and the widget" />
          <TextField
            path={FIELDS.description}
            label="Description"
            description="One sentence, in the widget"
          />
        </div>
        <WordingsField
          path={FIELDS.greeting}
          label="Greeting"
          description="One of these is said when the call begins. None: the caller speaks first."
        />
      </section>
      <section className="card stack" aria-labelledby="voice">
        <h2 id="voice">Voice and language</h2>
        <div className="pair">
          <TextField path={FIELDS.voice} label="Voice" placeholder="the provider's own" />
          <TextField path={FIELDS.voiceLanguage} label="Voice's language" list={LANGUAGES} />
          <NumberField path={FIELDS.speed} label="Speed" step={0.05} min={0.5} max={2} placeholder="1" />
        </div>
        <div className="pair">
          <TextField path={FIELDS.language} label="Language it understands" list={LANGUAGES} />
          <TextField path={FIELDS.timeZone} label="Time zone" placeholder="the server's" list={zones} />
        </div>
      </section>
      <ProvidersForm />
      <Session />
      <section className="card stack" aria-labelledby="knows">
        <h2 id="knows">What it knows</h2>
        <JsonField
          path={FIELDS.facts}
          label="Facts"
          description="What does not change during a call: hours, prices, the address. Texts read them as {facts.address}."
        />
      </section>
      <Nodes />
      <section className="card stack tight" aria-labelledby="rest">
        <h2 id="rest">The rest, as it stands</h2>
        {PARTS.map((part) => (
          <Part key={part.pointer} {...part} />
        ))}
      </section>
      <Archive agent={agent} />
    </div>
  );
}

function Archive({ agent }: { agent: Agent }) {
  const [asking, ask] = useState(false);
  const navigate = useNavigate();
  const client = useQueryClient();
  const act = async () => {
    await archive(agent.name);
    await client.invalidateQueries({ queryKey: ['agents'], exact: true });
    notice(`${agent.title || agent.name} is archived`);
    navigate('/agents');
  };
  return (
    <div className="row end">
      <Button variant="subtle" color="danger" onClick={() => ask(true)} data-testid="archive">
        Archive this agent…
      </Button>
      <Confirm
        opened={asking}
        close={() => ask(false)}
        title={`Archive ${agent.title || agent.name}?`}
        does="Archive"
        act={act}
      >
        It is taken out of all environments, and callers are refused from then on. Its versions and calls stay
        on record; its name stays taken.
      </Confirm>
    </div>
  );
}

const zones: string[] = (() => {
  try {
    return Intl.supportedValuesOf('timeZone');
  } catch {
    return [];
  }
})();

function Session() {
  const { definition } = useEditing();
  const noticed = at(definition, FIELDS.recording) === 'notice';
  return (
    <section className="card stack" aria-labelledby="session">
      <h2 id="session">Session</h2>
      <div className="pair">
        <ChoiceField
          path={FIELDS.recording}
          label="Recording"
          choices={[
            { label: 'As the server has it', value: undefined },
            { label: 'Off', value: 'off' },
            { label: 'On, nobody is told', value: 'on' },
            { label: 'On, the caller is told first', value: 'notice' },
          ]}
        />
        <ChoiceField
          path={FIELDS.bargeIn}
          label="Interruptions"
          choices={[
            { label: 'As the server has it', value: undefined },
            { label: 'The caller may interrupt', value: true },
            { label: 'It always speaks to its end', value: false },
          ]}
        />
        <NumberField
          path={FIELDS.idleAfter}
          label="Silence until it asks"
          placeholder="7000 ms"
          min={0}
          step={500}
        />
        <NumberField path={FIELDS.nudges} label="Times it asks" placeholder="2" min={0} />
      </div>
      {noticed && (
        <TextField
          path={FIELDS.notice}
          label="What the caller is told"
          placeholder="This call is recorded."
        />
      )}
    </section>
  );
}

function Part({ pointer: path, title, about }: (typeof PARTS)[number]) {
  const { problems } = useEditing();
  const [open, setOpen] = useState(false);
  const errors = errorsAmong(problemsAt(problems, path)).length;
  return (
    <details className="fold" data-pointer={path} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span className="what">{title}</span>
        <span className="quiet small gist">{about}</span>
        {errors > 0 && <span className="tag wrong">{plural(errors, 'problem')}</span>}
      </summary>
      {open && <JsonField path={path} label={`${title} as JSON`} />}
    </details>
  );
}

function Nodes() {
  const { definition } = useEditing();
  const nodes = useMemo(() => nodesOf(definition), [definition]);
  const [words, setWords] = useState('');
  const wanted = words.toLowerCase();
  const shown = nodes.filter((node) =>
    `${node.id} ${node.kind} ${gist(node)}`.toLowerCase().includes(wanted),
  );
  return (
    <section className="card stack tight" aria-labelledby="nodes">
      <div className="row apart">
        <h2 id="nodes">
          Nodes <span className="quiet number">{count(nodes.length)}</span>
        </h2>
        {nodes.length > MANY && (
          <TextInput
            type="search"
            aria-label="Find a node"
            placeholder="Find a node"
            value={words}
            onChange={(event) => setWords(event.currentTarget.value)}
          />
        )}
      </div>
      <ChoiceField
        path={FIELDS.entry}
        label="Begins with"
        choices={nodes.map(({ id }) => ({ label: id, value: id }))}
      />
      {shown.map((node) => (
        <Node key={node.id} node={node} />
      ))}
      {nodes.length > 0 && shown.length === 0 && <p className="quiet">No node has these words.</p>}
      <AddNode />
    </section>
  );
}

function Node({ node }: { node: NodeOf }) {
  const { definition, problems, edit } = useEditing();
  const [open, setOpen] = useState(false);
  const found = errorsAmong(problemsAt(problems, node.pointer)).length;
  const { value } = node;
  const said = isObject(value) ? WORDINGS.filter((name) => Array.isArray(value[name])) : [];
  return (
    <details
      className="fold"
      data-pointer={node.pointer}
      data-testid="node"
      data-node={node.id}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        <span className="what mono">{node.id}</span>
        <span className="tag">{node.kind}</span>
        {definition.entry === node.id && <span className="tag good">begins here</span>}
        {found > 0 && <span className="tag wrong">{plural(found, 'problem')}</span>}
        <span className="quiet small gist">{gist(node)}</span>
      </summary>
      {open && (
        <div className="stack">
          {said.map((name) => (
            <WordingsField
              key={name}
              path={node.pointer + pointer(name)}
              label={{ text: 'Says', prompt: 'Asks on arrival', unknown: 'Says when nothing fits' }[name]}
            />
          ))}
          {node.kind === 'press' && (
            <div className="pair">
              <TextField
                path={node.pointer + pointer('keys')}
                label="Presses"
                description="0 to 9, *, #, A to D; w waits half a second, W a second. A template."
                placeholder="1w2#"
              />
              <NumberField
                path={node.pointer + pointer('patience_s')}
                label="Then waits without a word, in seconds"
                description="Menus take their time, and queues"
                min={0}
                max={600}
              />
            </div>
          )}
          <JsonField path={node.pointer} label="The node as JSON" />
          <div className="row">
            <Button
              variant="subtle"
              color="danger"
              onClick={() => edit((whole) => withAt(whole, node.pointer, undefined))}
            >
              Remove this node
            </Button>
          </div>
        </div>
      )}
    </details>
  );
}

function AddNode() {
  const { definition, edit } = useEditing();
  const [adding, setAdding] = useState(false);
  const [name, setName] = useState('');
  const [kind, setKind] = useState<Kind>('say');
  const taken = at(definition, pointer('nodes', name)) !== undefined;
  // Nodes may have underscores, as those of the templates do.
  const fault = name && nameFault(name.replaceAll('_', '-')) ? 'Lower case letters, digits, _ and -' : null;
  if (!adding) {
    return (
      <div>
        <Button variant="subtle" leftSection={<AddIcon />} onClick={() => setAdding(true)}>
          Add a node
        </Button>
      </div>
    );
  }
  return (
    <form
      className="row add"
      onSubmit={(event) => {
        event.preventDefault();
        edit((whole) => withAt(whole, pointer('nodes', name), { kind, ...structuredClone(KINDS[kind]) }));
        setName('');
        setAdding(false);
      }}
    >
      <TextInput
        label="Name of the node"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={taken ? 'There is one of this name' : fault}
        autoFocus
      />
      <NativeSelect
        label="Kind"
        value={kind}
        onChange={(event) => setKind(event.currentTarget.value as Kind)}
        data={Object.keys(KINDS)}
      />
      <Button type="submit" disabled={!name || taken || fault !== null}>
        Add
      </Button>
      <Button variant="default" onClick={() => setAdding(false)}>
        Cancel
      </Button>
    </form>
  );
}
