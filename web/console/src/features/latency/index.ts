import { lazily, queries } from '../../shell';
import { activityOf, latencyOf, scopeFrom } from './queries';

export const LatencyPage = lazily(
  'latency',
  () => import('./latency-page'),
  () => {
    const scope = scopeFrom(new URLSearchParams(location.search));
    void queries.prefetchQuery(latencyOf(scope));
    void queries.prefetchQuery(activityOf(scope));
  },
);
