import { lazy } from 'react';

export { DrillBanner } from './banner';
export const DrillsPage = lazy(() => import('./drills-page'));
