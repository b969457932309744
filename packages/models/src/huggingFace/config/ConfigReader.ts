import type { JsonObject } from '../folder/openFolder.js';
import { PretrainedError } from '../PretrainedError.js';
import { bookkeeping } from './bookkeeping.js';

/**
 * The options of a `config.json`, each asked for by name. It notes what was asked for, so that an option that nobody
 * knows (of a newer transformers, of changed code) is an error and not silently left out.
 */
export class ConfigReader {
  private readonly known = new Set<string>(bookkeeping);
  private readonly numbers: Record<string, number> = {};
  private readonly sections: ConfigReader[] = [];

  constructor(
    private readonly json: JsonObject,
    /** Begins every error: the path of the file. */
    private readonly source: string,
    /** Most layers or experts: none is without a tensor, so the tensors of the folder are a limit. */
    private readonly maxCount = 2 ** 20,
  ) {}

  /** How many there are of what has tensors of its own; checked before anything is made for each of them. */
  count(key: string, fallback?: number): number {
    const count = this.integer(key, fallback, { minimum: -Infinity });
    const limit = `expected an integer from 1 to ${this.maxCount}, the number of tensors`;
    if (count < 1 || count > this.maxCount) this.fail(key, limit);
    return count;
  }

  integer(key: string, fallback?: number, { minimum = 1 }: { minimum?: number } = {}): number {
    const value = this.value(key, 'an integer', Number.isSafeInteger, fallback);
    if (value < minimum) this.fail(key, `expected an integer of at least ${minimum}`);
    this.numbers[key] = value;
    return value;
  }

  number(key: string, fallback?: number): number {
    return this.value(key, 'a number', Number.isFinite, fallback);
  }

  /** A number above 0: an epsilon, the base of angles. */
  positive(key: string, fallback?: number): number {
    const value = this.number(key, fallback);
    if (value <= 0) this.fail(key, 'expected a number > 0');
    return value;
  }

  /** The integers that were asked for so far, those that are defaults too: what the sizes of the model follow from. */
  get sizes(): Readonly<Record<string, number>> {
    return Object.assign({}, ...this.sections.map(({ sizes }) => sizes), this.numbers) as Record<string, number>;
  }

  boolean(key: string, fallback?: boolean): boolean {
    return this.value(key, 'true or false', (value) => typeof value === 'boolean', fallback);
  }

  integers(key: string, fallback?: number[]): number[] {
    const isList = (value: unknown) => Array.isArray(value) && value.every(Number.isInteger);
    return this.value(key, 'a list of integers', isList, fallback);
  }

  /** What `choices` says of the value. */
  oneOf<T>(key: string, choices: Readonly<Record<string, T>>, fallback?: string): T {
    const names = Object.keys(choices);
    const expected = names.length === 1 ? JSON.stringify(names[0]) : `one of ${names.join(', ')}`;
    const isChoice = (value: unknown) => typeof value === 'string' && Object.hasOwn(choices, value);
    return choices[this.value(key, expected, isChoice, fallback)]!;
  }

  /** An option that has to be absent, null or this, for nothing else is implemented. */
  only(key: string, supported: string | number | boolean): void {
    const value = this.take(key);
    if (value !== undefined && value !== supported) this.fail(key, `only ${JSON.stringify(supported)} is supported`);
  }

  /** An option that does not change what the model computes, or only in training. */
  skip(...keys: string[]): void {
    for (const key of keys) this.known.add(key);
  }

  /** The options below one name, which are checked with the others. */
  section(key: string): ConfigReader {
    const value = this.value(key, 'an object', (each) => typeof each === 'object' && !Array.isArray(each));
    const section = new ConfigReader(value as JsonObject, `${this.source}: ${key}`, this.maxCount);
    this.sections.push(section);
    return section;
  }

  /** Whether the option is there, with a value or null. */
  has(key: string): boolean {
    return this.json[key] !== undefined;
  }

  /** Whether the option is there and null, which says something else where a missing one has a default. */
  isNull(key: string): boolean {
    return this.json[key] === null;
  }

  /** The first of several names of one option that is there, or the first of all. @throws PretrainedError where they differ */
  nameOf(...keys: [string, ...string[]]): string {
    const [first = keys[0], ...others] = keys.filter((key) => this.take(key) !== undefined);
    for (const other of others)
      if (this.json[other] !== this.json[first])
        this.fail(other, `expected ${first} = ${JSON.stringify(this.json[first])}`);
    return first;
  }

  /** Its value as it stands there; undefined where it is absent or null. */
  take(key: string): unknown {
    this.known.add(key);
    return this.json[key] ?? undefined;
  }

  /** Fails. @throws PretrainedError about an option: what was expected, and its value. */
  fail(key: string, expected: string): never {
    throw new PretrainedError(`${this.source}: ${key}: ${expected}, got ${JSON.stringify(this.json[key] ?? null)}`);
  }

  /**
   * Checks that every option has been asked for.
   *
   * @param ignore options that are known to change nothing.
   * @throws PretrainedError where there are options that nobody asked for and that are not switched off.
   */
  expectNothingElse(ignore: readonly string[] = []): void {
    for (const section of this.sections) section.expectNothingElse(ignore);
    const unknown = Object.entries(this.json)
      .filter(([key, value]) => !this.known.has(key) && !ignore.includes(key) && !isOff(value))
      .map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
    if (unknown.length === 0) return;
    throw new PretrainedError(
      `${this.source}: unknown options, which may change what the model computes: ${unknown.join(', ')}. Known are ` +
        `${[...this.known].filter((key) => !bookkeeping.has(key)).join(', ')}. Name those that change nothing in ignoreOptions.`,
    );
  }

  private value<T>(key: string, expected: string, holds: (value: unknown) => boolean, fallback?: T): T {
    const value = this.take(key) ?? fallback;
    if (value === undefined || !holds(value)) this.fail(key, `expected ${expected}`);
    return value as T;
  }
}

function isOff(value: unknown): boolean {
  return value === null || value === false || (typeof value === 'object' && Object.keys(value).length === 0);
}
