// Drawn here: 16 by 16, one line width. All are decoration beside words.

import type { ReactNode } from 'react';

const icon = (children: ReactNode) => (
  <svg
    width="16"
    height="16"
    viewBox="0 0 16 16"
    fill="none"
    stroke="currentColor"
    strokeWidth="1.5"
    strokeLinecap="round"
    strokeLinejoin="round"
    aria-hidden="true"
  >
    {children}
  </svg>
);

export const AgentsIcon = () =>
  icon(
    <>
      <circle cx="8" cy="3.2" r="1.7" />
      <circle cx="3.5" cy="12.5" r="1.7" />
      <circle cx="12.5" cy="12.5" r="1.7" />
      <path d="M8 5v2.5M8 7.5 4.4 11M8 7.5l3.6 3.5" />
    </>,
  );
export const CallsIcon = () => icon(<path d="M2 8h1.2M5 5v6M8 2.5v11M11 5v6M12.8 8H14" />);
export const LiveIcon = () =>
  icon(
    <>
      <circle cx="8" cy="8" r="1.7" />
      <path d="M4.6 4.6a4.8 4.8 0 0 0 0 6.8M11.4 4.6a4.8 4.8 0 0 1 0 6.8M2.5 2.5a7.8 7.8 0 0 0 0 11M13.5 2.5a7.8 7.8 0 0 1 0 11" />
    </>,
  );
export const GreetingsIcon = () => icon(<path d="M2.5 3h11v7.5h-6L4.5 13v-2.5h-2zM5.5 6h5M5.5 8h3" />);
export const RoutesIcon = () =>
  icon(
    <path d="M2.5 3.5h3l4.5 9h3.5M2.5 12.5h3l1.5-3M8.6 6.3 10 3.5h3.5M11.8 1.8l1.7 1.7-1.7 1.7M11.8 10.8l1.7 1.7-1.7 1.7" />,
  );
export const CampaignsIcon = () =>
  icon(
    <path d="M5.6 2.8 3.7 3c-.8 0-1.3.7-1.2 1.5.5 4.6 4.4 8.5 9 9 .8.1 1.5-.4 1.5-1.2l.2-1.9-3-1.2-1.2 1.3a8 8 0 0 1-3.5-3.5l1.3-1.2zM10 2h4v4M14 2l-4.5 4.5" />,
  );
export const LatencyIcon = () => icon(<path d="M2 13.5h12M2.5 10 6 6.5l2.5 2L13.5 3" />);
export const CostsIcon = () =>
  icon(
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="M10 5.8C9.6 5 8.9 4.7 8 4.7c-1.2 0-2 .6-2 1.6 0 2.3 4.1 1 4.1 3.4 0 1-.9 1.6-2.1 1.6-1 0-1.8-.4-2.1-1.2M8 3.6v8.8" />
    </>,
  );
export const DrillsIcon = () => icon(<path d="M8 2 1.8 13.5h12.4zM8 6.5v3.5M8 12v.1" />);
export const SettingsIcon = () =>
  icon(
    <>
      <path d="M2 4.5h6M11.5 4.5H14M2 11.5h2.5M8 11.5h6" />
      <circle cx="9.8" cy="4.5" r="1.7" />
      <circle cx="6.2" cy="11.5" r="1.7" />
    </>,
  );
export const TalkIcon = () =>
  icon(
    <>
      <rect x="5.7" y="1.5" width="4.6" height="8" rx="2.3" />
      <path d="M3 7.5a5 5 0 0 0 10 0M8 12.5v2" />
    </>,
  );
export const DocsIcon = () => icon(<path d="M3.5 2.5h6l3 3v8h-9zM9.5 2.5v3h3M6 8.5h4M6 11h4" />);
export const SunIcon = () =>
  icon(
    <>
      <circle cx="8" cy="8" r="2.8" />
      <path d="M8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9" />
    </>,
  );
export const MoonIcon = () => icon(<path d="M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1z" />);
export const ScreenIcon = () =>
  icon(
    <>
      <rect x="1.8" y="2.8" width="12.4" height="8.4" rx="1.4" />
      <path d="M5.5 13.8h5" />
    </>,
  );
export const LeaveIcon = () => icon(<path d="M6.5 2.5h-4v11h4M10.5 5l3 3-3 3M13.3 8H6" />);
export const CloseIcon = () => icon(<path d="m4 4 8 8M12 4l-8 8" />);
export const PlayIcon = () => icon(<path d="M4.5 2.8v10.4l8.5-5.2z" fill="currentColor" />);
export const PauseIcon = () => icon(<path d="M5 3v10M11 3v10" strokeWidth="2.6" />);
export const AddIcon = () => icon(<path d="M8 3v10M3 8h10" />);
export const UpIcon = () => icon(<path d="m4.5 9.5 3.5-3.5 3.5 3.5" opacity="0.7" />);
export const DownIcon = () => icon(<path d="m4.5 6.5 3.5 3.5 3.5-3.5" opacity="0.7" />);
