// What every page has: a title in the tab, a heading that takes the focus when the route changes, actions beside it.

import { type ReactNode, useEffect, useRef } from 'react';
import { useLocation } from 'react-router';

/** Where the focus was last moved to. A page that has loaded is the one that was loading: it takes the focus once. */
let arrived: string | null = null;
/** Whether this console has moved the focus at all. */
let moved = false;

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
  useEffect(() => {
    const before = arrived;
    arrived = pathname;
    // The first page of a visit keeps the focus where the browser has it.
    if (before === null) return;
    // The heading that had it may have gone with the page that was loading.
    const lost = document.activeElement === document.body && moved;
    if (before === pathname && !lost) return;
    moved = true;
    focused.current?.focus({ preventScroll: true });
    if (before !== pathname) window.scrollTo(0, 0);
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
