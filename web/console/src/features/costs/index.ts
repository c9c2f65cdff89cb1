import { lazy } from 'react';

export const CostsPage = lazy(() => import('./costs-page'));
