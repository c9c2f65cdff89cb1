// Line icons, drawn for this widget. 24 by 24, in the colour of the text around them.

const NAMESPACE = 'http://www.w3.org/2000/svg';

const PATHS = {
  microphone: ['M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3Z', 'M5.5 11.5a6.5 6.5 0 0 0 13 0', 'M12 18v3'],
  muted: [
    'M15 9.5v-3a3 3 0 0 0-5.7-1.3',
    'M9 9v2.5a3 3 0 0 0 4.6 2.5',
    'M5.5 11.5a6.5 6.5 0 0 0 10.6 5',
    'M18.5 11.5a6.4 6.4 0 0 1-.4 2.3',
    'M12 18v3',
    'M4 4l16 16',
  ],
  hangup: ['M3.5 14.2c-.6-1.2-.3-2.6.7-3.4C6.3 9.200 9 8.300 12 8.300s5.700.9 7.800 2.500c1 .8 1.300 2.200.7 3.400l-.6 1.100c-.3.5-.9.8-1.500.6l-2.700-.8c-.6-.2-1-.7-1-1.300v-1.600a9 9 0 0 0-5.400 0v1.600c0 .6-.4 1.100-1 1.300l-2.700.8c-.6.2-1.200-.1-1.500-.6Z'],
  send: ['M4.5 12 20 4.500l-4.500 15.500-3.800-6.300Z', 'm11.700 13.700 3.600-3.900'],
  wave: ['M5 10v4', 'M9 7v10', 'M13 4.500v15', 'M17 8v8', 'M21 10.500v3'],
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
