import { lazily } from '../../shell';

export const GreetingsPage = lazily('greetings', () => import('./greetings-page'));
export const GreetingPage = lazily('greetings/', () => import('./greeting-page'));
