import type { RandomStream } from '@scmoe/tensor';

/** A number from 0 to 1 of the distribution Beta(alpha, alpha). */
export function drawBeta(random: RandomStream, alpha: number): number {
  const a = logOfGamma(random, alpha);
  const b = logOfGamma(random, alpha);
  // In logarithms: for a small alpha both numbers may be too small for a float.
  return 1 / (1 + Math.exp(b - a));
}

/** Logarithm of a number of the distribution Gamma(shape, 1); Marsaglia and Tsang, "A simple method", 2000. */
function logOfGamma(random: RandomStream, shape: number): number {
  if (shape < 1) return logOfGamma(random, shape + 1) + Math.log(1 - random.uniform()) / shape;
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const normal = drawNormal(random);
    const v = (1 + c * normal) ** 3;
    const u = 1 - random.uniform();
    if (v > 0 && Math.log(u) < 0.5 * normal * normal + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}

/** Box and Muller. */
function drawNormal(random: RandomStream): number {
  return Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
}
