/**
 * The rank that a notice blames: the one that has died or given up, unless it gave up because another rank had left.
 *
 * @param text of an abort, `<code> <ranks> <why>` as the native side packs it; anything else blames nobody but the sender
 */
export function causeOf(kind: 'dead' | 'abort', rank: number, text: string): number {
  const left = kind === 'abort' && /^SCMOE_COMM_LEFT (\d+)/.exec(text);
  return left ? Number(left[1]) : rank;
}
