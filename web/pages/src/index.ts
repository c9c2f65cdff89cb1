// The demo page: the widget, what to say to it, and the way to what happened.

import { type Agent, followLinks, get, offers, signInByAddress } from './api';
import { h, id, markNavigation, problem } from './dom';

const FALLBACK: Agent = {
  name: 'front-desk',
  title: 'Front desk',
  description: '',
  suggestions: [
    'When are you open on Saturday?',
    'How much is a haircut?',
    "I'd like to book an appointment for Thursday.",
  ],
};

markNavigation();
followLinks();
const widget = id('widget');

widget.addEventListener('agent-foundry:ended', (event) => {
  const { sessionId } = (event as CustomEvent<{ sessionId: string | null }>).detail;
  if (!sessionId) return;
  id<HTMLAnchorElement>('last-link').href = `/console/calls/${encodeURIComponent(sessionId)}`;
  id('last').hidden = false;
});

// Whoever is not let in is not told whom there is to talk to.
void signIn().then(show);

/** Of the address that the server printed. Talking needs it on a closed server alone, reading calls always. */
async function signIn(): Promise<void> {
  const said = await signInByAddress().catch((error: unknown) => problem(error, signedIn));
  function signedIn(): void {
    id('sign-in').replaceChildren();
    void show();
  }
  if (said) id('sign-in').append(said);
}

async function show(): Promise<void> {
  const parameters = new URLSearchParams(location.search);
  const wanted = parameters.get('agent');
  const transport = parameters.get('transport');
  if (transport) widget.setAttribute('transport', transport);
  const agents = await get<{ data: Agent[]; default: string }>('/v1/widget/agents').catch(() => null);
  const name = wanted ?? agents?.default ?? FALLBACK.name;
  const agent = agents?.data.find((one) => one.name === name) ?? { ...FALLBACK, name };
  widget.setAttribute('agent', agent.name);
  const offered = offers(agents?.data ?? [], agent.name, location.search);
  id('others').hidden = offered.length < 2;
  id('agents').replaceChildren(
    ...offered.map(({ title, description, href, here }) =>
      h(
        'li',
        {},
        h('a', { href, ...(here && { 'aria-current': 'page' }) }, title),
        ...(description ? [h('span', { class: 'quiet' }, description)] : []),
      ),
    ),
  );
  const suggestions = agent.suggestions.length > 0 ? agent.suggestions : FALLBACK.suggestions;
  id('try').replaceChildren(...suggestions.map((text) => h('li', {}, `“${text}”`)));
  const snippet = `<script src="${location.origin}/widget.js"></script>\n<agent-foundry-widget agent="${agent.name}"></agent-foundry-widget>`;
  id('snippet').textContent = snippet;
  const copy = id('copy');
  copy.onclick = async () => {
    const copied = await navigator.clipboard?.writeText(snippet).then(
      () => true,
      () => false,
    );
    copy.textContent = copied ? 'Copied' : 'Select and copy it';
  };
}
