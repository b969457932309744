import { findGloo } from '../engine/gloo.js';

/** `describe`, or a skipped one that says why, where the Gloo addon was not built. */
export function describeGloo(name: string, tests: () => void): void {
  const { problem } = findGloo();
  if (problem === undefined) return void describe(name, tests);
  if (process.env['SCMOE_REQUIRE_NATIVE'] === '1') {
    return void describe(name, () => {
      it('has the Gloo addon, as SCMOE_REQUIRE_NATIVE=1 asks for', () => {
        throw new Error(problem);
      });
    });
  }
  console.warn(`skipped: ${problem}`);
  describe.skip(name, tests);
}
