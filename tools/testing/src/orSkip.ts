/** `describe` where there is no problem; else a skipped one whose title says why. */
export function describeOrSkip(problem: string | undefined, name: string, tests: () => void): void {
  if (problem === undefined) describe(name, tests);
  else describe.skip(withReason(name, problem), tests);
}

/** `it` where there is no problem; else a skipped one whose title says why. */
export function itOrSkip(problem: string | undefined, name: string, test: () => unknown): void {
  if (problem === undefined) it(name, test as () => Promise<unknown>);
  else it.skip(withReason(name, problem), test as () => Promise<unknown>);
}

const withReason = (name: string, problem: string) => `${name} (skipped: ${problem})`;
