// What pages with figures draw. Not part of the first load: import it from pages that are loaded when they are asked for.

export { Bars } from './bars';
export { Plot } from './plot';
export * from './series';
