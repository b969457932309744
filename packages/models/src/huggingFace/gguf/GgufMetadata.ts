import { PretrainedError } from '../PretrainedError.js';
import type { GgufTensor } from './GgufFile.js';

/** The keys of a file of GGUF that describe its model, each asked for by its name behind that of the architecture. */
export class GgufMetadata {
  readonly architecture: string;
  private readonly known = new Set<string>();

  constructor(
    private readonly values: Readonly<Record<string, unknown>>,
    /** Begins every error: the path of the file. */
    private readonly path: string,
    readonly tensors: ReadonlyMap<string, Pick<GgufTensor, 'shape'>>,
  ) {
    const name = values['general.architecture'];
    if (typeof name !== 'string') this.fail('general.architecture', 'a name', name);
    this.architecture = name;
  }

  /** A whole number, whatever its width in the file; of a list with one for each layer the one that all are. */
  integer(key: string, fallback?: number): number {
    const value = this.number(key, fallback);
    if (!Number.isSafeInteger(value)) this.fail(this.nameOf(key), 'an integer', value);
    return value;
  }

  /** A number. Those of 32 bits become the shortest decimal that gives them, as configurations have them. */
  number(key: string, fallback?: number): number {
    const value = this.optional(key) ?? fallback;
    if (typeof value !== 'number' || !Number.isFinite(value)) this.fail(this.nameOf(key), 'a number', value);
    return value;
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.take(key) ?? fallback;
    if (typeof value !== 'boolean') this.fail(this.nameOf(key), 'true or false', value);
    return value;
  }

  text(key: string, fallback: string): string {
    const value = this.take(key) ?? fallback;
    if (typeof value !== 'string') this.fail(this.nameOf(key), 'text', value);
    return value;
  }

  /** A number, or undefined where there is none. */
  optional(key: string): number | undefined {
    const value = this.take(key);
    const list = (Array.isArray(value) ? (value as unknown[]) : [value]).map((each) =>
      typeof each === 'bigint' ? Number(each) : each,
    );
    const [first] = list;
    if (list.some((each) => each !== first)) this.fail(this.nameOf(key), 'the same number for all layers', value);
    return typeof first === 'number' ? shortest(first) : undefined;
  }

  /** A value as it is there; undefined where there is none. */
  take(key: string): unknown {
    this.known.add(this.nameOf(key));
    return this.values[this.nameOf(key)];
  }

  /** A value that is no part of the architecture's, such as a token's id. */
  general(key: string): unknown {
    const value = this.values[key];
    return typeof value === 'bigint' ? Number(value) : value;
  }

  /** The shape of a tensor. @throws PretrainedError where there is none of this name */
  shapeOf(name: string): readonly number[] {
    const found = this.tensors.get(name);
    if (!found) throw new PretrainedError(`${this.path}: expected a tensor '${name}'`);
    return found.shape;
  }

  /** The keys of the architecture that nobody has asked for, with their values. */
  rest(): Record<string, unknown> {
    const own = Object.entries(this.values).filter(([key]) => key.startsWith(`${this.architecture}.`));
    return Object.fromEntries(own.filter(([key]) => !this.known.has(key)));
  }

  /** Fails. @throws PretrainedError saying what was expected of a key, and what it is */
  fail(key: string, expected: string, value: unknown): never {
    const got = typeof value === 'bigint' ? String(value) : JSON.stringify(value ?? null);
    throw new PretrainedError(`${this.path}: ${key}: expected ${expected}, got ${got}`);
  }

  private nameOf(key: string): string {
    return `${this.architecture}.${key}`;
  }
}

/** 1e-5 for the number of 32 bits next to it. */
function shortest(value: number): number {
  if (Number.isInteger(value) || Math.fround(value) !== value) return value;
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
