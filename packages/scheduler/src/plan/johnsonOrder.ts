/** What a part takes on its way: out, with the experts, and back. */
export interface PartCosts {
  readonly dispatchMs: number;
  readonly expertMs: number;
  readonly combineMs: number;
}

/**
 * The order in which unequal parts go through dispatch, expert and combine, by Johnson's rule for three machines (Naval Research
 * Logistics Quarterly 1, 1954): with a = dispatch + expert and b = expert + combine, those of which a is at most b by rising a,
 * then the others by falling b. It is the best order where the experts never are the bottleneck; otherwise, and with both
 * exchanges on one channel, within a few percent of it. Equal parts stay as they are.
 */
export function johnsonOrder(parts: readonly PartCosts[]): readonly number[] {
  const ends = parts.map(({ dispatchMs, expertMs, combineMs }, part) => ({
    part,
    a: dispatchMs + expertMs,
    b: expertMs + combineMs,
  }));
  const first = ends.filter(({ a, b }) => a <= b).sort((one, other) => one.a - other.a);
  const last = ends.filter(({ a, b }) => a > b).sort((one, other) => other.b - one.b);
  return [...first, ...last].map(({ part }) => part);
}
