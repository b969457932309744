/** Every way to share experts out to ranks, of each rank as many, as placements. */
export function* everyPlacement(experts: readonly number[], size: number): Generator<number[]> {
  if (experts.length === 0) yield [];
  else
    for (const first of subsets(experts, size))
      for (const rest of everyPlacement(
        experts.filter((e) => !first.includes(e)),
        size,
      ))
        yield [...first, ...rest];
}

function* subsets(of: readonly number[], size: number): Generator<number[]> {
  if (size === 0) yield [];
  else
    for (const [i, first] of of.entries())
      for (const rest of subsets(of.slice(i + 1), size - 1)) yield [first, ...rest];
}
