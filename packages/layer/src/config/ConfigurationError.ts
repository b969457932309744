/** A configuration that cannot work, found before anything was computed. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/** Throws a ConfigurationError that says what is wrong, what was expected and what came, unless `holds`. */
export function expectThat(holds: boolean, what: string, expected: string, got: unknown): void {
  if (!holds) throw new ConfigurationError(`${what}: expected ${expected}, got ${JSON.stringify(got) ?? String(got)}`);
}

/** Throws a ConfigurationError that names `what` unless the value is a positive integer. */
export function expectPositiveInteger(what: string, value: unknown): void {
  expectThat(Number.isInteger(value) && (value as number) > 0, what, 'a positive integer', value);
}

/** Throws a ConfigurationError that names `what` unless the value is one of `allowed`. */
export function expectOneOf(what: string, value: unknown, allowed: readonly string[]): void {
  expectThat(allowed.includes(value as string), what, `one of ${allowed.join(', ')}`, value);
}

/** Throws a ConfigurationError that names `what` unless the value is a finite number of at least 0. */
export function expectNonNegative(what: string, value: unknown): void {
  expectThat(Number.isFinite(value) && (value as number) >= 0, what, 'a number >= 0', value);
}
