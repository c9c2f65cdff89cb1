import { lazy } from 'react';

export const GreetingsPage = lazy(() => import('./greetings-page'));
export const GreetingPage = lazy(() => import('./greeting-page'));
