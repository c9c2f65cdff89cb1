import { lazy } from 'react';

export const LatencyPage = lazy(() => import('./latency-page'));
