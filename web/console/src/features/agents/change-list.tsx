// What changed, by pointer: before and after under one another, as they are read.

import type { Comparison } from '../../server';
import { written } from './merge-view';
import type { Json } from './pointer';

const MANY = 200;

export function ChangeList({ changes }: { changes: Comparison['changes'] }) {
  if (changes.length === 0) return <p className="quiet">They are the same.</p>;
  return (
    <>
      <ol className="changes" data-testid="changes">
        {changes.slice(0, MANY).map((change) => (
          <li key={change.pointer} data-testid="change">
            <div className="row">
              <code className="break">{change.pointer || '/'}</code>
              <span className="tag">{change.kind}</span>
            </div>
            {change.kind !== 'added' && (
              <del>
                <span className="hidden">before: </span>
                {written(change.before as Json)}
              </del>
            )}
            {change.kind !== 'removed' && (
              <ins>
                <span className="hidden">after: </span>
                {written(change.after as Json)}
              </ins>
            )}
          </li>
        ))}
      </ol>
      {changes.length > MANY && <p className="quiet">And {changes.length - MANY} more.</p>}
    </>
  );
}
