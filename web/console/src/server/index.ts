export { api, download, ifMatch, once, taken } from './client';
export { passing, type Refusal, Refused, refusalOf, signedOut } from './refusal';
export type * from './types';
