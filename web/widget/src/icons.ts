// Line icons, drawn for this widget. 24 by 24, in the colour of the text around them.

const NAMESPACE = 'http://www.w3.org/2000/svg';

const PATHS = {
  microphone: [
    'M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3Z',
    'M5.5 11.5a6.5 6.5 0 0 0 13 0',
    'M12 18v3',
  ],
  muted: [
    'M15 9.5v-3a3 3 0 0 0-5.7-1.3',
    'M9 9v2.5a3 3 0 0 0 4.6 2.5',
    'M5.5 11.5a6.5 6.5 0 0 0 10.6 5',
    'M18.5 11.5a6.4 6.4 0 0 1-.4 2.3',
    'M12 18v3',
    'M4 4l16 16',
  ],
  hangup: [
    'M2.6 14.6c-.7-1.9 0-4 1.7-5.1C6.5 8 9.1 7.3 12 7.3s5.5.7 7.7 2.2c1.7 1.1 2.4 3.2 1.7 5.1l-.4 1c-.3.7-1 1.1-1.7.9l-2.9-.7c-.8-.2-1.3-.9-1.3-1.6v-1.5a10 10 0 0 0-6.2 0v1.5c0 .7-.5 1.4-1.3 1.6l-2.9.7c-.7.2-1.4-.2-1.7-.9Z',
  ],
  send: ['M4.5 12 20 4.5l-4.5 15.5-3.8-6.3Z', 'm11.7 13.7 3.6-3.9'],
  wave: ['M5 10v4', 'M9 7v10', 'M13 4.5v15', 'M17 8v8', 'M21 10.5v3'],
} as const;

export type Icon = keyof typeof PATHS;

export function icon(name: Icon): SVGSVGElement {
  const svg = document.createElementNS(NAMESPACE, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  for (const d of PATHS[name]) {
    const path = document.createElementNS(NAMESPACE, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}
