/**
 * The run of `total` things that a rank has where ranks share them out in their order: `first` and the `count - 1` after it. All
 * have as many, or, where the ranks do not divide them, one more or less than others.
 */
export function runOfRank(
  total: number,
  { rank, size }: { rank: number; size: number },
): { first: number; count: number } {
  const first = (of: number) => Math.floor((of * total) / size);
  return { first: first(rank), count: first(rank + 1) - first(rank) };
}
