// One campaign: how it stands, who is called, what came of them, and what it is to do.

import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { outcomeName, wasAnswered } from '../../outcomes';
import type { Campaign, Contact } from '../../server';
import { Confirm, Empty, Loading, More, notice, Page, Problem, Scroll, Time } from '../../shell';
import { count } from '../../words';
import { Outcome } from './campaigns-page';
import { ContactActions } from './contact';
import { Editor } from './editor';
import { STATES } from './form';
import { Import } from './import';
import { Bar } from './progress';
import { go, type Move, resultsUrl, useCampaign, useChange, useContacts } from './queries';
import './campaigns.css';

export default function CampaignPage() {
  const { id = 'new' } = useParams();
  const campaign = useCampaign(id);
  const to = useNavigate();
  const title = id === 'new' ? 'New campaign' : campaign.data?.title || 'Campaign';
  return (
    <Page
      title={title}
      crumbs={<Link to="/campaigns">Calls out</Link>}
      actions={campaign.data && <Actions campaign={campaign.data} />}
    >
      {id !== 'new' && campaign.isPending && <Loading />}
      {campaign.isError && <Problem error={campaign.error} again={() => void campaign.refetch()} />}
      {id === 'new' && (
        <Editor
          campaign={null}
          saved={(made) => {
            notice('The campaign is made. Whom is it to call?');
            void to(`/campaigns/${made.id}`, { replace: true });
          }}
        />
      )}
      {campaign.data && <Whole key={campaign.data.id} campaign={campaign.data} />}
    </Page>
  );
}

const isOver = ({ state }: Campaign) => state === 'completed' || state === 'cancelled';

function Whole({ campaign }: { campaign: Campaign }) {
  return (
    <div className="stack loose">
      <Standing campaign={campaign} />
      {!isOver(campaign) && <Import campaign={campaign} />}
      <People campaign={campaign} />
      {!isOver(campaign) && (
        <details className="card" data-testid="campaign-settings">
          <summary>What it does</summary>
          <Editor
            key={campaign.revision}
            campaign={campaign}
            saved={() => notice('Saved. It counts from the next call on.')}
          />
        </details>
      )}
    </div>
  );
}

function Actions({ campaign }: { campaign: Campaign }) {
  const [asking, ask] = useState(false);
  const going = useChange((move: Move) => go(campaign.id, move));
  const act = (move: Move, words: string) => (
    <Button
      variant={move === 'pause' ? 'default' : 'filled'}
      loading={going.isPending}
      onClick={() => going.mutate(move)}
      data-testid={`campaign-${move}`}
    >
      {words}
    </Button>
  );
  return (
    <>
      {going.isError && <Problem small error={going.error} />}
      {campaign.state === 'draft' && campaign.progress.contacts > 0 && act('start', 'Start calling')}
      {campaign.state === 'running' && act('pause', 'Pause')}
      {campaign.state === 'paused' && act('resume', 'Resume')}
      {!isOver(campaign) && (
        <Button variant="subtle" color="danger" onClick={() => ask(true)} data-testid="campaign-cancel">
          Cancel campaign
        </Button>
      )}
      <Confirm
        opened={asking}
        close={() => ask(false)}
        title="Cancel this campaign?"
        does="Cancel campaign"
        act={() => going.mutateAsync('cancel')}
      >
        Nobody else is called, for good. Calls that run go on to their end, and all results stay.
      </Confirm>
    </>
  );
}

function Standing({ campaign }: { campaign: Campaign }) {
  const { progress, state } = campaign;
  const tally: [string, number][] = [
    ['to call', progress.waiting],
    ['being called', progress.calling],
    ['done', progress.done],
  ];
  if (progress.cancelled > 0) tally.push(['cancelled', progress.cancelled]);
  return (
    <section className="card stack" aria-labelledby="standing">
      <div className="row apart">
        <h2 id="standing">Progress</h2>
        <span className={STATES[state].tag} data-testid="campaign-state">
          {STATES[state].name}
        </span>
      </div>
      <Bar progress={progress} label="Contacts that are done" />
      <ul className="tally" data-testid="tally">
        {tally.map(([name, contacts]) => (
          <li key={name}>
            <strong>{count(contacts)}</strong> <span className="quiet">{name}</span>
          </li>
        ))}
      </ul>
      {Object.keys(progress.outcomes).length > 0 && (
        <ul className="tally" aria-label="What came of those that are done" data-testid="outcomes">
          {Object.entries(progress.outcomes).map(([outcome, contacts]) => (
            <li key={outcome}>
              <strong>{count(contacts)}</strong> <span className="quiet">{outcomeName(outcome)}</span>
            </li>
          ))}
        </ul>
      )}
      {progress.done > 0 && (
        <div className="row">
          <Button
            component="a"
            variant="default"
            href={resultsUrl(campaign.id)}
            download
            data-testid="campaign-results"
          >
            Results as CSV
          </Button>
        </div>
      )}
    </section>
  );
}

function People({ campaign }: { campaign: Campaign }) {
  const contacts = useContacts(campaign);
  return (
    <section className="stack" aria-labelledby="people">
      <h2 id="people">Contacts</h2>
      {contacts.isPending && <Loading rows={3} />}
      {contacts.isError && <Problem error={contacts.error} again={() => void contacts.refetch()} />}
      {contacts.data?.length === 0 && (
        <Empty title="Nobody to call yet">Import a file with a column “number” above.</Empty>
      )}
      {!!contacts.data?.length && (
        <>
          <Scroll label="Table of contacts">
            <table className="cards" data-testid="contacts">
              <thead>
                <tr>
                  <th scope="col">Number</th>
                  <th scope="col">Told to the agent</th>
                  <th scope="col">Calls</th>
                  <th scope="col">What came of it</th>
                  <th scope="col">
                    <span className="hidden">What can be done with it</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {contacts.data.map((contact) => (
                  <Person key={contact.id} campaign={campaign} contact={contact} />
                ))}
              </tbody>
            </table>
          </Scroll>
          <More pages={contacts} />
        </>
      )}
    </section>
  );
}

function Person({ campaign, contact }: { campaign: Campaign; contact: Contact }) {
  const told = Object.entries(contact.variables).map(([name, value]) => `${name}: ${value}`);
  const again = contact.state === 'waiting' && contact.attempts > 0;
  return (
    <tr data-testid="contact-row">
      <th scope="row" className="mono break">
        {contact.call_id && wasAnswered(contact.outcome) ? (
          <Link to={`/calls/${contact.call_id}`}>{contact.number}</Link>
        ) : (
          contact.number
        )}
      </th>
      <td className="break" data-label="Told to the agent">
        {told.join(', ') || '–'}
      </td>
      <td className="number" data-label="Calls">
        {count(contact.attempts)}
      </td>
      <td data-label="What came of it">
        <Outcome state={contact.state} outcome={contact.outcome} />
        {again && (
          <div className="quiet small">
            again <Time at={contact.due_at} />
          </div>
        )}
      </td>
      <ContactActions campaign={campaign} contact={contact} over={isOver(campaign)} />
    </tr>
  );
}
