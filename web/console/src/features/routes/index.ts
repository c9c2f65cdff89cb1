import { lazy } from 'react';

export const RoutesPage = lazy(() => import('./routes-page'));
export const RoutePage = lazy(() => import('./route-page'));
