import { Button, NumberInput, Switch, TextInput } from '@mantine/core';
import { useState } from 'react';
import { dollars, nanoOf } from '../../money';
import type { Budget } from '../../server';
import { Loading, notice, Problem } from '../../shell';
import { Spent } from './overview';
import { setBudget, useBudget, useChange } from './queries';

export function BudgetForm() {
  const budget = useBudget();
  if (budget.isPending) return <Loading rows={3} />;
  if (budget.isLoadingError) return <Problem error={budget.error} again={() => void budget.refetch()} />;
  // Another revision is another form: what is typed is never laid over what somebody else has set.
  return <Form key={budget.data.revision} budget={budget.data} />;
}

function Form({ budget }: { budget: Budget }) {
  const limit = budget.monthly_limit_nano_usd;
  const [amount, setAmount] = useState(limit == null ? '' : dollars(limit));
  const [percent, setPercent] = useState<number | string>(budget.warn_percent);
  const [stop, setStop] = useState(budget.hard_stop);
  const saving = useChange(setBudget);
  const nano = amount.trim() === '' ? null : nanoOf(amount);
  const wrong = amount.trim() !== '' && nano === null;
  const save = () =>
    saving.mutate(
      {
        revision: budget.revision,
        monthly_limit_nano_usd: nano,
        warn_percent: Number(percent) || 80,
        hard_stop: stop && nano !== null,
      },
      { onSuccess: () => notice('The budget is set') },
    );
  return (
    <>
      <dl className="tiles">
        <Spent budget={budget} />
      </dl>
      <form
        className="card stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (!wrong) save();
        }}
      >
        <div className="pair">
          <TextInput
            label="Dollars a month"
            description="Of the calendar, in UTC. Empty: as much as it comes to"
            inputMode="decimal"
            placeholder="no limit"
            value={amount}
            onChange={(event) => setAmount(event.currentTarget.value)}
            error={wrong && 'An amount such as 250 or 99.50'}
            data-testid="budget-limit"
          />
          <NumberInput
            label="Warn at, %"
            description="You are told once it is spent so far"
            min={1}
            max={100}
            allowDecimal={false}
            value={percent}
            onChange={setPercent}
            disabled={amount.trim() === ''}
            data-testid="budget-percent"
          />
        </div>
        <Switch
          label="Hard stop"
          description="Once the limit is reached new calls are refused. Calls that run end with a goodbye after the sentence that is being spoken, never in the middle of it."
          checked={stop && amount.trim() !== ''}
          onChange={(event) => setStop(event.currentTarget.checked)}
          disabled={amount.trim() === ''}
          data-testid="budget-stop"
        />
        <p className="quiet small">
          A stop is in force a few seconds after the request that spent the rest is on record; what was under
          way may go a little beyond. Requests without a price do not count: set their prices.
        </p>
        {saving.isError && <Problem small error={saving.error} />}
        <div className="row end">
          <Button type="submit" loading={saving.isPending} disabled={wrong} data-testid="save-budget">
            Save
          </Button>
        </div>
      </form>
    </>
  );
}
