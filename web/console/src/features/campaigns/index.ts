import { lazy } from 'react';

export const CampaignsPage = lazy(() => import('./campaigns-page'));
export const CampaignPage = lazy(() => import('./campaign-page'));
