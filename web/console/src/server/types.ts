// Names for what the generated client gives, taken from the paths that give it.

import type { paths } from '../../../api-client/schema';

type Answers<P extends keyof paths, M extends keyof paths[P]> = paths[P][M] extends { responses: infer R }
  ? R extends { 200: { content: { 'application/json': infer T } } }
    ? T
    : R extends { 201: { content: { 'application/json': infer T } } }
      ? T
      : never
  : never;
type Asked<P extends keyof paths, M extends keyof paths[P]> = paths[P][M] extends {
  requestBody: { content: { 'application/json': infer T } };
}
  ? T
  : never;
type Listed<P extends keyof paths> =
  Answers<P, 'get' & keyof paths[P]> extends { data: (infer T)[] } ? T : never;

export type Agent = Answers<'/v1/agents/{id}', 'get'>;
export type Template = Listed<'/v1/templates'>;
export type Draft = Answers<'/v1/agents/{id}/draft', 'get'>;
export type Problem = Draft['problems'][number];
export type Version = Listed<'/v1/agents/{id}/versions'>;
export type Alias = Listed<'/v1/agents/{id}/aliases'>;
export type Release = Listed<'/v1/agents/{id}/releases'>;
export type Comparison = Answers<'/v1/agents/{id}/compare', 'get'>;
export type Environment = Listed<'/v1/environments'>;
export type CallSummary = Listed<'/v1/sessions'>;
export type Call = Answers<'/v1/sessions/{id}', 'get'>;
export type LiveCall = Listed<'/v1/live'>;
export type Whisper = Asked<'/v1/sessions/{id}/whisper', 'post'>;
export type Line = Call['transcript'][number];
export type Turn = Call['turns_detail'][number];
export type CallEvent = Call['events'][number];
export type Recording = Listed<'/v1/sessions/{id}/recordings'>;
export type Latency = Answers<'/v1/latency', 'get'>;
export type Activity = Answers<'/v1/activity', 'get'>;
export type ApiKey = Listed<'/v1/api-keys'>;
export type NewApiKey = Answers<'/v1/api-keys', 'post'>;
export type Greeting = Listed<'/v1/greetings'>;
export type NewGreeting = Asked<'/v1/greetings', 'post'>;
export type GreetingCalendar = Answers<'/v1/greeting-calendar', 'get'>;
export type GreetingMeasures = Answers<'/v1/greeting-measures', 'get'>;
export type GreetingPreviewRequest = Asked<'/v1/greeting-preview', 'post'>;
export type GreetingPreview = Answers<'/v1/greeting-preview', 'post'>;
export type GreetingAudioRequest = Asked<'/v1/greeting-audio', 'post'>;
export type ArmResult = Answers<'/v1/greetings/{id}/results', 'get'>['arms'][number];
export type Judgement = Answers<'/v1/greetings/{id}/results', 'get'>['answered'];
export type Channel = Listed<'/v1/channels'>;
export type Route = Listed<'/v1/routes'>;
export type NewRoute = Asked<'/v1/routes', 'post'>;
export type RouteTest = Asked<'/v1/routes/test', 'post'>;
export type RouteCall = RouteTest['call'];
export type RouteTestAnswer = Answers<'/v1/routes/test', 'post'>;
export type Campaign = Answers<'/v1/campaigns/{id}', 'get'>;
export type NewCampaign = Asked<'/v1/campaigns', 'post'>;
export type Contact = Listed<'/v1/campaigns/{id}/contacts'>;
export type Imported = Answers<'/v1/campaigns/{id}/contacts', 'post'>;
export type OutboundCall = Listed<'/v1/calls'>;
export type NewCall = Asked<'/v1/calls', 'post'>;
export type Trunk = Listed<'/v1/trunks'>;
export type ContactChange = Asked<'/v1/campaigns/{id}/contacts/{contact}', 'patch'>;
export type Moved = Answers<'/v1/agents/{id}/rollback', 'post'>;
export type Organization = Answers<'/v1/organizations/{id}', 'get'>;
export type Provider = Listed<'/v1/providers'>;
export type ProviderAccount = Listed<'/v1/provider-accounts'>;
export type Vendor = Listed<'/v1/vendors'>;
export type Ability = Vendor['abilities'][number];
export type TrialAnswer = Answers<'/v1/provider-accounts/{id}/test', 'post'>;
export type ProviderHealth = Listed<'/v1/provider-health'>;
export type Costs = Answers<'/v1/costs', 'get'>;
export type Budget = Answers<'/v1/budget', 'get'>;
export type Alert = Listed<'/v1/alerts'>;
export type Price = Answers<'/v1/prices/{id}', 'get'>;
export type ShippedPrice = Listed<'/v1/price-list'>;
export type NewPrice = paths['/v1/prices']['post']['requestBody']['content']['application/json'];
export type Drill = Listed<'/v1/drills'>;
export type DrillReport = Answers<'/v1/drills/{id}/report', 'get'>;
export type About = Answers<'/v1/about', 'get'>;
export type AuditEntry = Listed<'/v1/audit'>;
/** An agent's JSON, as `agents/graph` defines it; a draft may be anything. */
export type Definition = Draft['definition'];
