import { Navigate, NavLink, useParams } from 'react-router';
import { Page } from '../../shell';
import { About } from './about';
import { Audit } from './audit';
import { Channels } from './channels';
import { Keys } from './keys';
import { OrganizationForm } from './organization';
import { Providers } from './providers';

const SECTIONS = {
  keys: { label: 'API keys', about: 'What programs call this server with.', content: <Keys /> },
  channels: { label: 'Channels', about: 'By which address which agent is reached.', content: <Channels /> },
  organization: {
    label: 'Organization',
    about: 'Its name for people, and how long calls and their sound are kept.',
    content: <OrganizationForm />,
  },
  providers: { label: 'Providers', about: 'What hears, thinks and speaks.', content: <Providers /> },
  audit: { label: 'Audit', about: 'Who changed what, and when.', content: <Audit /> },
  about: { label: 'About', about: 'This server.', content: <About /> },
} as const;

export default function SettingsPage() {
  const { section } = useParams();
  if (!section || !Object.hasOwn(SECTIONS, section)) return <Navigate to="/settings/keys" replace />;
  const { label, about, content } = SECTIONS[section as keyof typeof SECTIONS];
  return (
    <Page title={label} heading="Settings" about={about}>
      <nav className="tabs" aria-label="Settings">
        {Object.entries(SECTIONS).map(([to, one]) => (
          <NavLink
            key={to}
            to={`/settings/${to}`}
            aria-current={to === section ? 'page' : undefined}
            data-testid={`section-${to}`}
          >
            {one.label}
          </NavLink>
        ))}
      </nav>
      {content}
    </Page>
  );
}
