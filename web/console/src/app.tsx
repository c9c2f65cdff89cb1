// Every route of the console.

import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { BrowserRouter, Link, Navigate, Route, Routes } from 'react-router';
import { AgentList, AgentPage } from './features/agents';
import { CallList, CallPage } from './features/calls';
import { CampaignPage, CampaignsPage } from './features/campaigns';
import { CostsPage } from './features/costs';
import { DrillBanner, DrillsPage } from './features/drills';
import { GreetingPage, GreetingsPage } from './features/greetings';
import { LatencyPage } from './features/latency';
import { LivePage } from './features/live';
import { RoutePage, RoutesPage } from './features/routes';
import { SettingsPage } from './features/settings';
import { SignIn } from './features/sign-in';
import { Empty, Layout, Page, queries, session } from './shell';
import { theme } from './theme';

export function App({ refused }: { refused: unknown }) {
  return (
    // The policy allows no <style> made by a script: variables and classes are static, in our style sheet.
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      withCssVariables={false}
      withGlobalClasses={false}
    >
      <QueryClientProvider client={queries}>
        <BrowserRouter basename="/console">
          <Gate refused={refused} />
        </BrowserRouter>
      </QueryClientProvider>
    </MantineProvider>
  );
}

function Gate({ refused }: { refused: unknown }) {
  const out = useSyncExternalStore(session.subscribe, session.isOut);
  // What was typed stays behind the door, and is there when it opens again.
  return (
    <>
      <div hidden={out} inert={out}>
        <Pages />
      </div>
      {out && <SignIn refused={refused} />}
    </>
  );
}

function Pages() {
  return (
    <Routes>
      <Route element={<Layout banner={<DrillBanner />} />}>
        <Route index element={<Navigate to="/agents" replace />} />
        <Route path="sign-in" element={<Navigate to="/agents" replace />} />
        <Route path="agents" element={<AgentList />} />
        <Route path="agents/:name/:tab?" element={<AgentPage />} />
        <Route path="live" element={<LivePage />} />
        <Route path="calls" element={<CallList />} />
        <Route path="calls/:id" element={<CallPage />} />
        <Route path="campaigns" element={<CampaignsPage />} />
        <Route path="campaigns/:id" element={<CampaignPage />} />
        <Route path="latency" element={<LatencyPage />} />
        <Route path="costs/:section?" element={<CostsPage />} />
        <Route path="greetings" element={<GreetingsPage />} />
        <Route path="greetings/:id" element={<GreetingPage />} />
        <Route path="settings/greetings" element={<Navigate to="/greetings" replace />} />
        <Route path="routes" element={<RoutesPage />} />
        <Route path="routes/:id" element={<RoutePage />} />
        <Route path="drills" element={<DrillsPage />} />
        <Route path="settings/:section?" element={<SettingsPage />} />
        <Route path="*" element={<Nowhere />} />
      </Route>
    </Routes>
  );
}

function Nowhere() {
  return (
    <Page title="Nothing here">
      <Empty title="This page does not exist" action={<Link to="/agents">To the agents</Link>}>
        The address may be from another version of the console.
      </Empty>
    </Page>
  );
}
