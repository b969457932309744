import { ArgumentError } from './ArgumentError.js';
import { valueText } from './valueText.js';

/** The names of all options of a configuration; the compiler checks that none is missing and none too many. */
export function optionNames<Config extends object>(names: Record<keyof Config, true>): readonly string[] {
  return Object.keys(names);
}

/**
 * Checks that all options are known.
 *
 * @throws ArgumentError naming the options that there are not, `what` they were given to, and those that there are.
 *   An option that is undefined counts as absent.
 */
export function expectKnownOptions(what: string, config: object, known: readonly string[]): void {
  const unknown = Object.entries(config).filter(([name, value]) => value !== undefined && !known.includes(name));
  if (unknown.length === 0) return;
  const given = unknown.map(([name, value]) => `${name} = ${valueText(value)}`).join(', ');
  throw new ArgumentError(`${what}: unknown option ${given}; the options are ${[...known].sort().join(', ')}`);
}
