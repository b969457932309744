import { PlaceError } from './PlaceError.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads environment variables. An empty one counts as not set, as schedulers leave them behind. */
export class Variables {
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  has(name: string): boolean {
    return this.text(name) !== undefined;
  }

  text(name: string): string | undefined {
    const value = this.#env[name]?.trim();
    return value === '' ? undefined : value;
  }

  /** The first of `names` that is set, as a whole number in [minimum, maximum]. */
  whole(
    names: readonly string[],
    { minimum = 0, maximum = 2 ** 24 }: { minimum?: number; maximum?: number } = {},
  ): number | undefined {
    const name = names.find((candidate) => this.has(candidate));
    if (name === undefined) return undefined;
    const text = this.text(name)!;
    const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
    if (value >= minimum && value <= maximum) return value;
    throw new PlaceError(`${name}=${text}: expected a whole number from ${minimum} to ${maximum}.`);
  }

  /** Reads a number as `whole` does, where one of `names` must be set; `because` says who needs it. */
  required(names: readonly string[], because: string, range?: { minimum?: number; maximum?: number }): number {
    const value = this.whole(names, range);
    if (value !== undefined) return value;
    throw new PlaceError(`${names.join(' or ')} is not set: expected a whole number, ${because}.`);
  }
}
