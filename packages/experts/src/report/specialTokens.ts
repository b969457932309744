/** Tokens of an expert that are listed. */
const numListed = 8;
/** Tokens that came less often say nothing. */
const leastCount = 3;

/**
 * The tokens that most tell what goes to each expert from what goes anywhere: those with the largest count * log(lift), each
 * token's part of the divergence between the two.
 *
 * @param counts how often each token went to each expert
 */
export function specialTokens(
  counts: readonly ReadonlyMap<number, number>[],
): { id: number; count: number; lift: number }[][] {
  const ofAll = new Map<number, number>();
  for (const own of counts) for (const [id, count] of own) ofAll.set(id, (ofAll.get(id) ?? 0) + count);
  const sum = (values: Iterable<number>) => [...values].reduce((total, count) => total + count, 0);
  const all = sum(ofAll.values());
  return counts.map((own) => {
    const load = sum(own.values());
    return [...own]
      .map(([id, count]) => ({ id, count, lift: count / load / (ofAll.get(id)! / all) }))
      .filter(({ count, lift }) => count >= leastCount && lift > 1)
      .sort((a, b) => b.count * Math.log(b.lift) - a.count * Math.log(a.lift) || a.id - b.id)
      .slice(0, numListed);
  });
}
