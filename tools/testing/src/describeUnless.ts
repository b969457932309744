/**
 * `describe` where there is no problem; else a skipped one that says why, or a failing one where
 * `SCMOE_REQUIRE_NATIVE=1` asks for what is missing.
 */
export function describeUnless(problem: string | undefined, name: string, tests: () => void): void {
  if (problem === undefined) return void describe(name, tests);
  if (process.env['SCMOE_REQUIRE_NATIVE'] === '1') {
    return void describe(name, () => {
      it('has what it needs, as SCMOE_REQUIRE_NATIVE=1 asks for', () => {
        throw new Error(problem);
      });
    });
  }
  console.warn(`skipped: ${problem}`);
  describe.skip(name, tests);
}
