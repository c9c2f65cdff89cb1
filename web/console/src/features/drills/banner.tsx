import { Link } from 'react-router';
import { useDrills } from './queries';
import { percent, told } from './telling';

/** Whoever looks at calls or measures while a drill runs must know of it. */
export function DrillBanner() {
  const drills = useDrills();
  const running = drills.data?.data.filter((drill) => drill.running) ?? [];
  if (running.length === 0) return null;
  return (
    <div className="note warn banner" role="status" data-testid="drill-banner">
      {running.map((drill) => (
        <span key={drill.id}>
          A fault drill strikes {percent(drill.share)} of the calls in <strong>{drill.environment}</strong>.{' '}
          {told(drill)}.{' '}
        </span>
      ))}
      <Link to="/drills">To the drills</Link>
    </div>
  );
}
