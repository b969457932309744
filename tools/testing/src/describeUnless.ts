import { describeOrSkip } from './orSkip.js';

/**
 * `describe` where there is no problem; else a skipped one whose title says why, or a failing one where
 * `SCMOE_REQUIRE_NATIVE=1` asks for what is missing.
 */
export function describeUnless(problem: string | undefined, name: string, tests: () => void): void {
  if (problem === undefined || process.env['SCMOE_REQUIRE_NATIVE'] !== '1') {
    return describeOrSkip(problem, name, tests);
  }
  describe(name, () => {
    it('has what it needs, as SCMOE_REQUIRE_NATIVE=1 asks for', () => {
      throw new Error(problem);
    });
  });
}
