import { lazily } from '../../shell';

export const CostsPage = lazily('costs', () => import('./costs-page'));
