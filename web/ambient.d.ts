// What the bundler supplies beside TypeScript modules.
declare module '*.css?inline' {
  const text: string;
  export default text;
}
declare module '*.css';
declare module 'virtual:worklets' {
  /** The audio worklets as one script. */
  const text: string;
  export default text;
}
declare module '*.svg' {
  /** Its address. */
  const url: string;
  export default url;
}
