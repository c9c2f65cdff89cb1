import { lazily } from '../../shell';

export const LivePage = lazily('live', () => import('./live-page'));
