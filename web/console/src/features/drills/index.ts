import { lazily } from '../../shell';

export { DrillBanner } from './banner';
export const DrillsPage = lazily('drills', () => import('./drills-page'));
