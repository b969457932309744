import { ArgumentError } from './ArgumentError.js';
import { valueText } from './valueText.js';

/** Checks anything. @throws ArgumentError that says what is wrong, what was expected and what came, unless `holds`. */
export function expectThat(holds: boolean, what: string, expected: string, got: unknown): asserts holds {
  if (!holds) throw new ArgumentError(`${what}: expected ${expected}, got ${valueText(got)}`);
}

/** Checks a whole number. @throws ArgumentError unless `value` is one from `minimum` to `maximum`. */
export function expectInteger(
  what: string,
  value: unknown,
  { minimum = -Infinity, maximum = Infinity }: { minimum?: number; maximum?: number } = {},
): asserts value is number {
  const holds = Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum;
  expectThat(holds, what, `a whole number${rangeText(minimum, maximum)}`, value);
}

/** Checks a positive whole number. @throws ArgumentError unless `value` is a whole number of at least 1. */
export function expectPositiveInteger(what: string, value: unknown): asserts value is number {
  expectThat(Number.isSafeInteger(value) && (value as number) >= 1, what, 'a positive integer', value);
}

/** Checks a whole number. @throws ArgumentError unless `value` is one of at least 0. */
export function expectWholeNumber(what: string, value: unknown): asserts value is number {
  expectThat(Number.isSafeInteger(value) && (value as number) >= 0, what, 'an integer >= 0', value);
}

/** Checks a finite number. @throws ArgumentError unless `value` is one. */
export function expectFinite(what: string, value: unknown): asserts value is number {
  expectThat(Number.isFinite(value), what, 'a finite number', value);
}

/** Checks a number that is not negative. @throws ArgumentError unless `value` is a finite number of at least 0. */
export function expectNonNegative(what: string, value: unknown): asserts value is number {
  expectThat(Number.isFinite(value) && (value as number) >= 0, what, 'a number >= 0', value);
}

/** Checks a positive number. @throws ArgumentError unless `value` is a finite number above 0. */
export function expectPositive(what: string, value: unknown): asserts value is number {
  expectThat(Number.isFinite(value) && (value as number) > 0, what, 'a number > 0', value);
}

/** Checks a number in a range. @throws ArgumentError unless `value` is a number from `low` to `high`. */
export function expectBetween(what: string, value: unknown, low: number, high: number): asserts value is number {
  const holds = typeof value === 'number' && value >= low && value <= high;
  expectThat(holds, what, `a number from ${low} to ${high}`, value);
}

/** Checks a flag. @throws ArgumentError unless `value` is true or false. */
export function expectBoolean(what: string, value: unknown): asserts value is boolean {
  expectThat(typeof value === 'boolean', what, 'true or false', value);
}

/** Checks a text. @throws ArgumentError unless `value` is one. */
export function expectText(what: string, value: unknown): asserts value is string {
  expectThat(typeof value === 'string', what, 'a text', value);
}

/** Checks a choice. @throws ArgumentError unless `value` is one of `allowed`. */
export function expectOneOf<T extends string>(what: string, value: unknown, allowed: readonly T[]): asserts value is T {
  expectThat(allowed.includes(value as T), what, `one of ${allowed.join(', ')}`, value);
}

/** Checks a record. @throws ArgumentError unless `value` is an object that is neither null nor an array. */
export function expectRecord(what: string, value: unknown): asserts value is Record<string, unknown> {
  expectThat(typeof value === 'object' && value !== null && !Array.isArray(value), what, 'an object', value);
}

function rangeText(minimum: number, maximum: number): string {
  if (minimum === -Infinity && maximum === Infinity) return '';
  if (maximum === Infinity) return ` of at least ${minimum}`;
  return minimum === -Infinity ? ` of at most ${maximum}` : ` from ${minimum} to ${maximum}`;
}
