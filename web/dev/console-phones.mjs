// Trunks, calls out, campaigns and calls under way of the stand-in server. Contacts are remembered until it is asked to forget.

const ago = (s) => new Date(Date.now() - 1000 * s).toISOString();
const trunk = (name, kind, state, more = {}) => ({
  name,
  kind,
  state,
  account_id: null,
  caller: null,
  detail: null,
  ...more,
});

export const trunks = [
  trunk('carrier', 'sip', 'registered', { caller: '+4930555' }),
  trunk('backup', 'sip', 'refused', { caller: '+4930556', detail: 'it answers 403 to REGISTER' }),
  trunk('twilio', 'twilio', 'ready', { account_id: 'pac_twilio'.padEnd(36, '0') }),
  trunk('telnyx', 'telnyx', 'unfit', {
    account_id: 'pac_telnyx'.padEnd(36, '0'),
    detail: 'it lacks its `connection_id`, the Voice API application of its numbers',
  }),
];

const progress = { contacts: 4, waiting: 2, calling: 1, done: 1, cancelled: 0, outcomes: { completed: 1 } };
const campaign = {
  id: 'cmp_1',
  title: 'Reminders for next week',
  agent: 'front-desk',
  trunk: 'twilio',
  from: '+4930555',
  ring_s: 45,
  machine_detection: { mode: 'off', at_machine: 'hang_up', message: null },
  concurrency: 4,
  per_minute: 10,
  retry: { outcomes: ['busy', 'no_answer'], attempts: 3, after_s: 3600 },
  schedule: null,
  state: 'running',
  progress,
  started_at: ago(900),
  ended_at: null,
  revision: 3,
  created_at: ago(4000),
  updated_at: ago(900),
};
const contact = (id, number, variables, state, more = {}) => ({
  id,
  number,
  variables,
  state,
  attempts: 0,
  due_at: ago(60),
  outcome: null,
  call_id: null,
  ...more,
});
const people = () => [
  contact('ctc_1', '+4930100', { 'caller.name': 'Maria Lopez', due: 'Monday' }, 'waiting'),
  contact('ctc_2', '+4930101', { 'caller.name': 'Jo' }, 'waiting', { attempts: 1, outcome: 'busy' }),
  contact('ctc_3', '+4930102', {}, 'calling', { attempts: 1 }),
  contact('ctc_4', '+4930103', { 'caller.name': 'Ana' }, 'done', { attempts: 1, outcome: 'completed' }),
];
let contacts = people();
let placed = null;

export function forget() {
  contacts = people();
  placed = null;
}

const call = (id, to, state, more = {}) => ({
  id,
  session_id: null,
  campaign_id: null,
  contact_id: null,
  attempt: 1,
  agent: 'front-desk',
  trunk: 'carrier',
  to,
  state,
  outcome: null,
  sip_status: null,
  answered_by: null,
  beep: null,
  end_reason: null,
  created_at: ago(500),
  dialled_at: ago(490),
  answered_at: null,
  ended_at: null,
  ...more,
});

const live = (id, transport, here, more = {}) => ({
  id,
  agent: 'front-desk',
  transport,
  direction: 'inbound',
  party: null,
  started_at: ago(80),
  server_id: here ? 'srv_0190d2f0c0de7000800000000000abcd' : 'srv_0190d2f0c0de7000800000000000ef01',
  here,
  state: here ? 'listening' : 'elsewhere',
  connected: true,
  turns: 3,
  listeners: 0,
  ...more,
});
const under = [
  live('ses_live1', 'sip', true, { state: 'speaking', direction: 'outbound', party: '+49301234567' }),
  live('ses_live2', 'webrtc', true, { connected: false, turns: 1 }),
  live('ses_live3', 'twilio', false, { party: '+41441234567' }),
];

/** `undefined`: nothing of this is asked. */
export function phones([what, id, part, one], method, body, { json, nothing, page, problem }) {
  if (what === 'trunks') return json({ data: trunks });
  if (what === 'live') return json({ data: under, others_known: true });
  if (what === 'calls') {
    if (method === 'POST') {
      if (!body.from && body.trunk === 'twilio')
        return problem(422, 'BODY_INVALID', 'The body does not fit', 'say `from`', {
          errors: [{ pointer: '/from', code: 'missing', detail: 'say `from`, such as +4930123456' }],
        });
      placed = call('ses_out', body.to, 'queued', { trunk: body.trunk });
      return json(placed, 202);
    }
    if (id) {
      const next = { queued: 'dialling', dialling: 'ringing', ringing: 'ended', ended: 'ended' };
      placed = { ...placed, state: next[placed.state] };
      if (placed.state === 'ended') Object.assign(placed, { outcome: 'busy', sip_status: 486 });
      return json(placed);
    }
    return json(
      page([
        call('ses_o1', '+4930100', 'ended', { outcome: 'completed' }),
        call('ses_o2', '+4930101', 'ended', { outcome: 'busy', sip_status: 486, trunk: 'twilio' }),
      ]),
    );
  }
  if (what !== 'campaigns') return undefined;
  if (!id) return json(page([campaign]));
  if (!part) return json(campaign);
  if (part !== 'contacts') return undefined;
  if (!one) return json(page(contacts));
  if (method === 'DELETE') {
    contacts = contacts.filter((known) => known.id !== one);
    return nothing;
  }
  if (contacts.some((known) => known.id !== one && known.number === body.number))
    return problem(422, 'BODY_INVALID', 'The body does not fit', 'the campaign has this number already', {
      errors: [{ pointer: '/number', code: 'taken', detail: 'the campaign has this number already' }],
    });
  contacts = contacts.map((known) => (known.id === one ? { ...known, ...body } : known));
  return json(contacts.find((known) => known.id === one));
}
