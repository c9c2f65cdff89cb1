// What requests to vendors come to, at which prices, and how much of it may be.

import { Navigate, NavLink, useParams } from 'react-router';
import { Page } from '../../shell';
import { Alerts } from './alerts';
import { BudgetForm } from './budget';
import { Overview } from './overview';
import { Prices } from './prices';
import './costs.css';

const SECTIONS = {
  overview: { label: 'Overview', about: 'What requests to vendors come to.', content: <Overview /> },
  prices: {
    label: 'Prices',
    about: 'What vendors charge. Your own prices come before those that the server ships.',
    content: <Prices />,
  },
  budget: {
    label: 'Budget',
    about: 'What may be spent in a month, and what happens then.',
    content: <BudgetForm />,
  },
} as const;

export default function CostsPage() {
  const { section = 'overview' } = useParams();
  if (!Object.hasOwn(SECTIONS, section)) return <Navigate to="/costs" replace />;
  const { label, about, content } = SECTIONS[section as keyof typeof SECTIONS];
  return (
    <Page title={section === 'overview' ? 'Costs' : label} heading="Costs" about={about}>
      <nav className="tabs" aria-label="Costs">
        {Object.entries(SECTIONS).map(([to, one]) => (
          <NavLink
            key={to}
            to={to === 'overview' ? '/costs' : `/costs/${to}`}
            end
            aria-current={to === section ? 'page' : undefined}
            data-testid={`costs-${to}`}
          >
            {one.label}
          </NavLink>
        ))}
      </nav>
      <div className="stack">
        <Alerts />
        {content}
      </div>
    </Page>
  );
}
