import { Button } from '@mantine/core';
import { Link } from 'react-router';
import type { Alert } from '../../server';
import { Problem, Said, Time } from '../../shell';
import { sentence } from '../../words';
import { closeAlert, useAlerts, useChange } from './queries';

const TITLES: Record<Alert['kind'], string> = {
  budget_warning: 'The budget is nearly spent',
  budget_exceeded: 'The budget is spent',
  price_unknown: 'A price is missing',
  provider_refused: 'A vendor refuses an account',
};

/** Where one goes to settle it. */
function settle({ kind, facts }: Alert): { to: string; does: string } {
  if (kind === 'provider_refused') return { to: '/settings/providers', does: 'Look at the account' };
  if (kind !== 'price_unknown') return { to: '/costs/budget', does: 'Change the budget' };
  return { to: `/costs/prices?${new URLSearchParams(priced(facts))}`, does: 'Set the price' };
}

function priced(facts: Alert['facts']): Record<string, string> {
  const text = (name: string) => String((facts as Record<string, unknown>)[name] ?? '');
  return { vendor: text('vendor'), model: text('model'), unit: text('unit') };
}

/** What happened and wants attention, until it is settled or put aside. Nothing where there is nothing. */
export function Alerts() {
  const alerts = useAlerts();
  const close = useChange(closeAlert);
  if (alerts.isLoadingError)
    return <Problem small error={alerts.error} again={() => void alerts.refetch()} />;
  const list = alerts.data?.data ?? [];
  if (list.length === 0) return null;
  return (
    <ul className="stack tight" aria-label="What wants attention" data-testid="alerts">
      {list.map((alert) => (
        <li
          key={alert.id}
          className={`note alert ${alert.kind === 'budget_exceeded' ? 'wrong' : 'warn'}`}
          data-testid="alert"
          data-kind={alert.kind}
        >
          <div>
            <strong>{TITLES[alert.kind]}</strong>{' '}
            <span className="small">
              <Time at={alert.first_at} />
            </span>
            <p>
              <Said text={sentence(alert.detail)} />
            </p>
          </div>
          <div className="row">
            <Link to={settle(alert).to}>{settle(alert).does}</Link>
            <Button
              variant="subtle"
              onClick={() => close.mutate(alert)}
              aria-label={`Put aside: ${alert.detail}`}
              data-testid="close-alert"
            >
              Put aside
            </Button>
          </div>
        </li>
      ))}
      {close.isError && <Problem small error={close.error} />}
    </ul>
  );
}
