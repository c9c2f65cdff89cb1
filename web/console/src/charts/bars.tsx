// Amounts beside one another, the largest first.

import { ranked } from './series';

export function Bars({
  title,
  amounts,
  write,
  name = (text) => text,
  codes = false,
  coloured = false,
}: {
  title: string;
  amounts: Record<string, number>;
  write: (value: number) => string;
  name?: (text: string) => string;
  codes?: boolean;
  /** In the colours of the stages that the names are. */
  coloured?: boolean;
}) {
  const list = ranked(amounts);
  return (
    <figure className="card plot" data-testid="bars">
      <figcaption>{title}</figcaption>
      {list.length === 0 ? (
        <p className="quiet">None in this time.</p>
      ) : (
        <ul className="bar-list">
          {list.map((one) => (
            <li key={one.name}>
              <span className="row apart">
                {codes ? (
                  <a className="mono" href={`/docs/errors/${one.name}`}>
                    {one.name}
                  </a>
                ) : (
                  <span>{name(one.name)}</span>
                )}
                <span className="number">{write(one.amount)}</span>
              </span>
              <span className="bar" aria-hidden="true">
                <span
                  style={{
                    width: `${Math.max(1, one.share * 100)}%`,
                    ...(coloured && { background: `var(--${one.name})` }),
                  }}
                />
              </span>
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}
