/** Parts of an octave that powers of 2 are tabled for. */
const steps = 64;
const stepsPerUnit = steps / Math.LN2;
const unitsPerStep = Math.LN2 / steps;
/** 2^(i / 64) for i = 0 to 63, of square roots of 2: IEEE 754 leaves no choice how these are rounded, which a power has. */
const roots = rootsOfTwo();
/** 2^-n for n = 0 to 1,074. */
const powers = Float64Array.from({ length: 1075 }, (_, n) => 2 ** -n);

/**
 * e^x for x <= 0, within 1e-12 of it; 0 below -700. The same bits in every engine and in draw_token.cc. V8 calls out for
 * `Math.exp`, which takes four times as long: a vocabulary has 150,000 of them for each token.
 */
export function exponentialOf(x: number): number {
  if (x < -700) return 0;
  const step = (x * stepsPerUnit - 0.5) | 0;
  // |r| <= ln(2) / 128, for which the first five terms of the series suffice.
  const r = x - step * unitsPerStep;
  const series = 1 + r * (1 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24))));
  return series * roots[step & (steps - 1)]! * powers[-(step >> 6)]!;
}

function rootsOfTwo(): Float64Array {
  const values = new Float64Array(steps).fill(1);
  let root = 2;
  for (let bit = steps / 2; bit > 0; bit /= 2) {
    root = Math.sqrt(root);
    for (let i = 0; i < steps; i++) if (i & bit) values[i]! *= root;
  }
  return values;
}
