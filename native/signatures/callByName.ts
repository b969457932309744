import { ArgumentError, ScmoeError } from '@scmoe/errors';

/** An addon as it is: functions that take their arguments by position, and the names of those positions. */
export interface Addon {
  readonly signatures: Readonly<Record<string, readonly string[]>>;
}

type ByPosition = (...args: unknown[]) => unknown;

/**
 * The functions of an addon, each taking its arguments by name. The addon itself says in which order it wants them, so
 * that no other version of it can be called wrongly. What it throws about an argument comes as an ArgumentError, its
 * other failures as a ScmoeError.
 */
export function callByName<Functions extends object>(addon: Addon): Functions {
  const { signatures, ...functions } = addon;
  const named = Object.entries(functions).map(([name, run]) => [name, byName(run as ByPosition, signatures[name]!)]);
  return Object.fromEntries(named) as Functions;
}

function byName(run: ByPosition, names: readonly string[]): (args?: Readonly<Record<string, unknown>>) => unknown {
  return (args = {}) => {
    const values: unknown[] = [];
    for (let i = 0; i < names.length; i++) values.push(args[names[i]!]);
    try {
      return run(...values);
    } catch (error) {
      throw errorOf(error);
    }
  };
}

function errorOf(error: unknown): unknown {
  const { code, message } = error as { code?: string; message: string };
  if (code === 'SCMOE_ARGUMENT') return new ArgumentError(message);
  return code === 'SCMOE_NATIVE' ? new ScmoeError(message) : error;
}
