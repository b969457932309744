const ln2 = Math.LN2;
/** 2^-n for n = 0 to 1,074. */
const powers = Float64Array.from({ length: 1075 }, (_, n) => 2 ** -n);

/**
 * e^x for x <= 0, within 1e-12 of it; 0 below -700. V8 calls out for `Math.exp`, which takes four times as long: a
 * vocabulary has 150,000 of them for each token.
 */
export function exponentialOf(x: number): number {
  if (x < -700) return 0;
  const n = (0.5 - x / ln2) | 0;
  // |r| <= ln(2) / 2, for which the first eleven terms of the series suffice.
  const r = x + n * ln2;
  const high = 1 / 5040 + r * (1 / 40320 + r * (1 / 362880 + r * (1 / 3628800)));
  const series = 1 + r * (1 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720 + r * high))))));
  return series * powers[n]!;
}
