import type { Campaign } from '../../server';
import { percent } from './form';

/** How far a campaign is. The element's own look is the browser's, which needs no style of a script. */
export function Bar({ progress, label }: { progress: Campaign['progress']; label: string }) {
  return (
    <progress className="bar" max={100} value={percent(progress)} aria-label={label}>
      {percent(progress)} %
    </progress>
  );
}
