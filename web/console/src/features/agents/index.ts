import { lazy } from 'react';

export { AgentList } from './agent-list';
export const AgentPage = lazy(() => import('./agent-page'));
