import { lazily } from '../../shell';

export { AgentList } from './agent-list';
export const AgentPage = lazily('agents/', () => import('./agent-page'));
