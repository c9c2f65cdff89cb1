import { Button, Modal, NativeSelect, Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState, useSyncExternalStore } from 'react';
import type { Agent, Problem as Reported } from '../../server';
import { notice, Problem, useEnvironments } from '../../shell';
import { plural } from '../../words';
import { ChangeList } from './change-list';
import { errorsAmong } from './definition';
import type { Keeper } from './keeper';
import { LostRoutes } from './lost-routes';
import { publish, useAfterRelease, useComparison } from './queries';

export function Publish({
  agent,
  keeper,
  opened,
  close,
}: {
  agent: Agent;
  keeper: Keeper<Reported>;
  opened: boolean;
  close: () => void;
}) {
  return (
    <Modal
      opened={opened}
      onClose={close}
      title="Publish the draft"
      size={620}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Form agent={agent} keeper={keeper} close={close} />
    </Modal>
  );
}

function Form({ agent, keeper, close }: { agent: Agent; keeper: Keeper<Reported>; close: () => void }) {
  const kept = useSyncExternalStore(keeper.subscribe, keeper.get);
  const [note, setNote] = useState('');
  const [environment, setEnvironment] = useState('prod');
  const environments = useEnvironments();
  const after = useAfterRelease(agent.name);
  const there = agent.aliases[environment];
  const settled = kept.state === 'saved';
  const comparison = useComparison(agent.name, String(there ?? ''), 'draft', settled && there !== undefined);
  const errors = errorsAmong(kept.problems);
  const publishing = useMutation({
    mutationFn: async () => {
      await keeper.flush();
      return publish(agent.name, keeper.get().revision, note.trim(), environment);
    },
    onSuccess: async (published) => {
      notice(`Version ${published.number} is in ${environment}`);
      await after();
      if (published.routes_without_node.length === 0) close();
    },
  });
  const led = publishing.data?.routes_without_node ?? [];
  if (publishing.data && led.length > 0) {
    return (
      <LostRoutes routes={led} version={publishing.data.number} environment={environment} close={close} />
    );
  }
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        publishing.mutate();
      }}
    >
      {errors.length > 0 ? (
        <div className="note wrong">
          <strong>{plural(errors.length, 'problem')} to solve first.</strong> The draft shows them at their
          fields.
        </div>
      ) : (
        <p className="quiet">
          It becomes a version that never changes. Calls that run keep the version they began with; new ones
          get this.
        </p>
      )}
      <NativeSelect
        label="Environment"
        value={environment}
        onChange={(event) => setEnvironment(event.currentTarget.value)}
        data={(environments.data?.data.map((one) => one.name) ?? ['prod']).map((name) => ({
          value: name,
          label: agent.aliases[name]
            ? `${name}, now version ${agent.aliases[name]}`
            : `${name}, nothing there yet`,
        }))}
        data-testid="publish-environment"
      />
      <Textarea
        label="Note"
        description="What changes for callers; shown in the list of versions"
        autosize
        minRows={2}
        value={note}
        onChange={(event) => setNote(event.currentTarget.value)}
        data-autofocus
        data-testid="publish-note"
      />
      {comparison.data && (
        <details className="fold">
          <summary>
            <span className="what">
              {comparison.data.changes.length === 0
                ? `No change against version ${there}`
                : `${plural(comparison.data.changes.length, 'change')} against version ${there}`}
            </span>
          </summary>
          <ChangeList changes={comparison.data.changes} />
        </details>
      )}
      {publishing.isError && <Problem small error={publishing.error} />}
      <div className="row end">
        <Button variant="default" onClick={close}>
          Cancel
        </Button>
        <Button
          type="submit"
          loading={publishing.isPending}
          disabled={errors.length > 0 || kept.state === 'conflict'}
          data-testid="publish-now"
        >
          Publish to {environment}
        </Button>
      </div>
    </form>
  );
}
