/** A configuration that cannot work, found before anything was computed. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** Throws a ConfigurationError that says what is wrong, what was expected and what came, unless `holds`. */
export function expectThat(holds: boolean, what: string, expected: string, got: unknown): void {
  if (!holds) throw new ConfigurationError(`${what}: expected ${expected}, got ${text(got)}`);
}

/** @throws ConfigurationError unless `value` is a whole number of at least 1. */
export function expectPositiveInteger(what: string, value: unknown): void {
  expectThat(Number.isInteger(value) && (value as number) > 0, what, 'a positive integer', value);
}

/** @throws ConfigurationError unless `value` is a whole number of at least 0. */
export function expectWholeNumber(what: string, value: unknown): void {
  expectThat(Number.isInteger(value) && (value as number) >= 0, what, 'an integer >= 0', value);
}

/** @throws ConfigurationError unless `value` is one of `allowed`. */
export function expectOneOf(what: string, value: unknown, allowed: readonly string[]): void {
  expectThat(allowed.includes(value as string), what, `one of ${allowed.join(', ')}`, value);
}

/** @throws ConfigurationError unless `value` is a number of at least 0. */
export function expectNonNegative(what: string, value: unknown): void {
  expectThat(Number.isFinite(value) && (value as number) >= 0, what, 'a number >= 0', value);
}

/** @throws ConfigurationError unless `value` is a number above 0. */
export function expectPositive(what: string, value: unknown): void {
  expectThat(Number.isFinite(value) && (value as number) > 0, what, 'a number > 0', value);
}

/** @throws ConfigurationError unless `value` is true or false. */
export function expectBoolean(what: string, value: unknown): void {
  expectThat(typeof value === 'boolean', what, 'true or false', value);
}

/** As in a program: JSON has no NaN, infinity and undefined. */
function text(value: unknown): string {
  if (typeof value === 'number' || value === undefined) return String(value);
  return JSON.stringify(value) ?? typeof value; // a function has no JSON
}
