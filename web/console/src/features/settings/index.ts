import { lazily } from '../../shell';

export const SettingsPage = lazily('settings', () => import('./settings-page'));
