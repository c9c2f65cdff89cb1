// What every page has: a title in the tab, a heading that takes the focus when the route changes, actions beside it.

import { type ReactNode, useEffect, useRef } from 'react';
import { useLocation } from 'react-router';

/** The first page of a visit keeps the focus where the browser has it. */
let arrived = false;

export function Page({
  title,
  heading = title,
  crumbs,
  about,
  actions,
  children,
}: {
  title: string;
  heading?: ReactNode;
  crumbs?: ReactNode;
  about?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  const focused = useRef<HTMLHeadingElement>(null);
  const { pathname } = useLocation();
  // The document's title is the browser's.
  useEffect(() => {
    document.title = `${title} · Agent Foundry`;
  }, [title]);
  // So is the focus: without this, readers of a screen are left on the link of the page before.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the path is what changes
  useEffect(() => {
    if (arrived) focused.current?.focus({ preventScroll: true });
    if (arrived) window.scrollTo(0, 0);
    arrived = true;
  }, [pathname]);
  return (
    <>
      <div className="head">
        <div>
          {crumbs && (
            <nav className="crumbs" aria-label="Where this is">
              {crumbs}
            </nav>
          )}
          <h1 ref={focused} tabIndex={-1}>
            {heading}
          </h1>
          {about && <div className="quiet">{about}</div>}
        </div>
        {actions && <div className="row">{actions}</div>}
      </div>
      {children}
    </>
  );
}
