import { isExpertParameter } from '../moe/expertShard.js';
import { difference, largestOf } from './difference.js';
import type { RankOutcome } from './rankCases.js';

/**
 * Largest allowed difference, in units of a tensor's largest magnitude. A row goes through the same products wherever it
 * is computed, but several ranks add up the tokens of a weight gradient in another order, and products over other row
 * counts may be blocked otherwise: a few units of the 24-bit mantissa. A row that goes astray is off by 0.1 or more.
 */
export const tolerance = 2e-6;

type Numbers = RankOutcome['values'][string];

const joined = (parts: Numbers[]) => parts.flatMap(({ data }) => [...data]);
const summed = (parts: Numbers[]) =>
  [...parts[0]!.data].map((_, i) => parts.reduce((sum, { data }) => sum + data[i]!, 0));

/** Puts together what the ranks have: tokens and experts stand one after the other, other gradients add up. */
export function together(outcomes: RankOutcome[], { expertsAreShared = true } = {}): Record<string, number[]> {
  return Object.fromEntries(
    Object.keys(outcomes[0]!.values).map((name) => {
      const parts = outcomes.map(({ values }) => values[name]!);
      const stacked = name === 'y' || name === 'grad x' || (expertsAreShared && isExpertParameter(name.slice(5)));
      return [name, stacked ? joined(parts) : summed(parts)];
    }),
  );
}

/** That tensors of the same names have the same values. */
export function expectSame(
  actual: Record<string, number[]>,
  expected: Record<string, number[]>,
  allowed: number,
): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  // A key bias has no influence on attention: its gradient is rounding alone, and small beside the others.
  const scale = Math.max(...Object.values(expected).map(largestOf)) || 1;
  for (const [name, numbers] of Object.entries(actual)) {
    const off = difference(numbers, expected[name]!, scale);
    if (!(off <= allowed)) throw new Error(`'${name}' is off by ${off}`);
  }
}
