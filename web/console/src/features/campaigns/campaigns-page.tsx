// Campaigns, and all calls that were made.

import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { outcomeName, outcomeTone } from '../../outcomes';
import type { Campaign, OutboundCall } from '../../server';
import { AddIcon, Empty, Loading, More, Page, Problem, Scroll, Time } from '../../shell';
import { count, plain, plural } from '../../words';
import { CallBy, Trunks } from '../trunks';
import { STATES } from './form';
import { Bar } from './progress';
import { useCallsOut, useCampaigns } from './queries';
import './campaigns.css';

export default function CampaignsPage() {
  const campaigns = useCampaigns();
  const calls = useCallsOut();
  const [calling, call] = useState(false);
  const make = (
    <Button component={Link} to="/campaigns/new" leftSection={<AddIcon />} data-testid="new-campaign">
      New campaign
    </Button>
  );
  return (
    <Page
      title="Calls out"
      about="An agent calls people by one of the server's trunks or accounts at carriers: one by one, or many in a campaign."
      actions={
        <>
          <Button variant="default" onClick={() => call(true)} data-testid="new-call">
            New call
          </Button>
          {campaigns.data?.length ? make : undefined}
        </>
      }
    >
      <div className="stack loose">
        {campaigns.isPending && <Loading rows={3} />}
        {campaigns.isError && <Problem error={campaigns.error} again={() => void campaigns.refetch()} />}
        {campaigns.data?.length === 0 && (
          <Empty title="No campaign yet" action={make}>
            A campaign calls everybody in a list at your pace and within your hours, calls again who was busy,
            and says what came of each.
          </Empty>
        )}
        {!!campaigns.data?.length && (
          <>
            <Campaigns campaigns={campaigns.data} />
            <More pages={campaigns} />
          </>
        )}
        <Trunks />
        {calls.isError && <Problem error={calls.error} again={() => void calls.refetch()} />}
        {!!calls.data?.length && (
          <section className="stack" aria-labelledby="newest">
            <h2 id="newest">Newest calls</h2>
            <Calls calls={calls.data} />
            <More pages={calls} />
          </section>
        )}
      </div>
      <CallBy opened={calling} close={() => call(false)} />
    </Page>
  );
}

function Campaigns({ campaigns }: { campaigns: Campaign[] }) {
  return (
    <Scroll label="Table of campaigns">
      <table className="cards" data-testid="campaigns">
        <thead>
          <tr>
            <th scope="col">Campaign</th>
            <th scope="col">Agent</th>
            <th scope="col">State</th>
            <th scope="col">Progress</th>
            <th scope="col">Made</th>
          </tr>
        </thead>
        <tbody>
          {campaigns.map((campaign) => (
            <tr key={campaign.id} data-testid="campaign-row">
              <th scope="row">
                <Link to={`/campaigns/${campaign.id}`} className="break">
                  {campaign.title}
                </Link>
              </th>
              <td data-label="Agent">{campaign.agent}</td>
              <td className="tight" data-label="State">
                <span className={STATES[campaign.state].tag}>{STATES[campaign.state].name}</span>
              </td>
              <td data-label="Progress">
                <Bar progress={campaign.progress} label={`Progress of ${campaign.title}`} />
                <span className="quiet small">
                  {count(campaign.progress.done)} of {plural(campaign.progress.contacts, 'contact')}
                </span>
              </td>
              <td className="tight" data-label="Made">
                <Time at={campaign.created_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Calls({ calls }: { calls: OutboundCall[] }) {
  return (
    <Scroll label="Table of the newest calls">
      <table className="cards" data-testid="calls-out">
        <thead>
          <tr>
            <th scope="col">To</th>
            <th scope="col">Agent</th>
            <th scope="col">Trunk</th>
            <th scope="col">What came of it</th>
            <th scope="col">When</th>
          </tr>
        </thead>
        <tbody>
          {calls.map((call) => (
            <tr key={call.id} data-testid="call-out-row">
              <th scope="row" className="mono break">
                {call.session_id ? <Link to={`/calls/${call.session_id}`}>{call.to}</Link> : call.to}
                {call.attempt > 1 && <div className="quiet small">call number {call.attempt}</div>}
              </th>
              <td data-label="Agent">{call.agent}</td>
              <td data-label="Trunk">{call.trunk}</td>
              <td className="tight" data-label="What came of it">
                <Outcome state={plain(call.state)} outcome={call.outcome} />
              </td>
              <td className="tight" data-label="When">
                <Time at={call.dialled_at ?? call.created_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** How a call ended, or how it stands. */
export function Outcome({ state, outcome }: { state: string; outcome?: string | null | undefined }) {
  if (!outcome) return <span className="tag">{state}</span>;
  return <span className={`tag ${outcomeTone(outcome)}`}>{outcomeName(outcome)}</span>;
}
