// The frame around the pages.

import { ActionIcon } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, Suspense } from 'react';
import { NavLink, Outlet, useLocation } from 'react-router';
import icon from '../../icon.svg';
import { api, taken } from '../server';
import { Boundary } from './boundary';
import {
  AgentsIcon,
  CallsIcon,
  CampaignsIcon,
  CostsIcon,
  DocsIcon,
  DrillsIcon,
  GreetingsIcon,
  LatencyIcon,
  LeaveIcon,
  LiveIcon,
  RoutesIcon,
  SettingsIcon,
  TalkIcon,
} from './icons';
import { Notices } from './notices';
import { SchemeSwitch } from './scheme';
import { signOut } from './session';
import { Loading } from './states';

const PLACES: [string, string, ReactNode][] = [
  ['/agents', 'Agents', <AgentsIcon key="agents" />],
  ['/calls', 'Calls', <CallsIcon key="calls" />],
  ['/live', 'Live', <LiveIcon key="live" />],
  ['/campaigns', 'Calls out', <CampaignsIcon key="campaigns" />],
  ['/greetings', 'Greetings', <GreetingsIcon key="greetings" />],
  ['/routes', 'Routes', <RoutesIcon key="routes" />],
  ['/latency', 'Latency', <LatencyIcon key="latency" />],
  ['/costs', 'Costs', <CostsIcon key="costs" />],
  ['/drills', 'Drills', <DrillsIcon key="drills" />],
  ['/settings', 'Settings', <SettingsIcon key="settings" />],
];

export const useAbout = () =>
  useQuery({ queryKey: ['about'], queryFn: () => taken(api.GET('/v1/about')), staleTime: 15_000 });

/** `banner` stands above every page. */
export function Layout({ banner }: { banner?: ReactNode }) {
  const about = useAbout();
  const { pathname } = useLocation();
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <div className="frame">
        <header className="side">
          <NavLink className="brand" to="/agents">
            <img src={icon} alt="" width="22" height="22" />
            Agent Foundry
          </NavLink>
          <nav className="menu" aria-label="Main">
            {PLACES.map(([to, name, drawn]) => (
              <NavLink key={to} to={to}>
                {drawn}
                {name}
              </NavLink>
            ))}
          </nav>
          <div className="side-end">
            <a href="/">
              <TalkIcon />
              Talk to an agent
            </a>
            <a href="/docs">
              <DocsIcon />
              API reference
            </a>
            {about.data && (
              <p className="whoami">
                {about.data.organization.title || about.data.organization.name}, as{' '}
                {about.data.principal.name}
              </p>
            )}
            <div className="row">
              <SchemeSwitch />
              <ActionIcon
                onClick={() => void signOut()}
                aria-label="Sign out"
                title="Sign out"
                data-testid="sign-out"
              >
                <LeaveIcon />
              </ActionIcon>
            </div>
          </div>
        </header>
        <main className="content" id="main" tabIndex={-1}>
          {banner}
          <Boundary place={pathname}>
            <Suspense fallback={<Loading />}>
              <Outlet />
            </Suspense>
          </Boundary>
        </main>
      </div>
      <Notices />
    </>
  );
}
