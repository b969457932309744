/** The operators that a chunked plan runs once a chunk. */
const chunkedKinds = ['dispatch', 'expert', 'combine'] as const;

export function isChunkedKind(kind: string): boolean {
  return (chunkedKinds as readonly string[]).includes(kind);
}

/** `expert` in chunk 1 is `expert#1`. */
export function chunkName(operator: string, chunk: number): string {
  return `${operator}#${chunk}`;
}

/** `expert` of half 1 is `expert@1`, its chunk 0 `expert#0@1`. */
export function halfName(operator: string, half: number): string {
  return `${operator}@${half}`;
}

/** `expert` of `expert#1`, `expert@1`, `expert#0@1` and of `expert`. */
export function unchunkedName(operator: string): string {
  return operator.replace(/(#\d+)?(@\d+)?$/, '');
}
