// Which agent a form begins with. No React here.

/** In which environment callers are who name none. */
export const HOME = 'prod';

/** The newest that callers reach there, or else anywhere; the newest at all where nothing is published. */
export const begunWith = <A extends { aliases: Record<string, number> }>(
  agents: readonly A[],
  environment = HOME,
): A | undefined =>
  agents.find(({ aliases }) => environment in aliases) ??
  agents.find(({ aliases }) => Object.keys(aliases).length > 0) ??
  agents[0];
