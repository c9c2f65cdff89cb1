import { lazy } from 'react';

export { CallList } from './call-list';
export const CallPage = lazy(() => import('./call-page'));
