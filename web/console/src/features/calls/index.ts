import { lazily } from '../../shell';

export { CallList } from './call-list';
export const CallPage = lazily('calls/', () => import('./call-page'));
