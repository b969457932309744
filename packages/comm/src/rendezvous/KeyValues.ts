import { RendezvousError } from './RendezvousError.js';
import { maxKeyBytes, type StoreLimits } from './limits.js';

type Limits = Pick<StoreLimits, 'maxValueBytes' | 'maxKeys' | 'maxTotalBytes'>;

/** The keys of one token, and who waits for them. Values are replaced, never changed: they may be on their way out. */
export class KeyValues {
  readonly #limits: Limits;
  readonly #values = new Map<string, Uint8Array>();
  readonly #waiting = new Map<string, Set<(value: Uint8Array) => void>>();
  #totalBytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Sets a value. @throws RendezvousError beyond a limit; the store is then as it was */
  set(key: string, value: Uint8Array): void {
    const { maxValueBytes, maxKeys, maxTotalBytes } = this.#limits;
    const keyBytes = Buffer.byteLength(key);
    if (keyBytes === 0 || keyBytes > maxKeyBytes) {
      throw limit(`a key of ${keyBytes} bytes: expected 1 to ${maxKeyBytes}`);
    }
    if (value.length > maxValueBytes) throw limit(`a value of ${value.length} bytes: at most ${maxValueBytes}`);
    const old = this.#values.get(key);
    if (old === undefined && this.#values.size >= maxKeys) throw limit(`a key more than ${maxKeys}`);
    const added = value.length - (old === undefined ? -keyBytes : old.length);
    if (this.#totalBytes + added > maxTotalBytes) throw limit(`more than ${maxTotalBytes} bytes in all`);
    this.#totalBytes += added;
    this.#values.set(key, value);
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    for (const resolve of waiting ?? []) resolve(value);
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  /** Calls `resolve` once when the key is set. The result withdraws it. */
  whenSet(key: string, resolve: (value: Uint8Array) => void): () => void {
    let waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, (waiting = new Set()));
    const set = waiting.add(resolve);
    return () => {
      set.delete(resolve);
      if (set.size === 0 && this.#waiting.get(key) === set) this.#waiting.delete(key);
    };
  }

  /** Adds to a whole number in decimal digits, 0 where there is none, and gives the sum. */
  add(key: string, amount: number): number {
    const old = this.#values.get(key);
    const sum = (old === undefined ? 0 : parseWhole(Buffer.from(old).toString('latin1'), key)) + amount;
    if (!Number.isSafeInteger(sum)) throw limit(`a sum beyond ${Number.MAX_SAFE_INTEGER}`);
    this.set(key, Buffer.from(String(sum)));
    return sum;
  }

  delete(key: string): boolean {
    const old = this.#values.get(key);
    if (old === undefined) return false;
    this.#totalBytes -= old.length + Buffer.byteLength(key);
    return this.#values.delete(key);
  }
}

/** Reads a counter. @throws RendezvousError where `text` is no whole number */
export function parseWhole(text: string, key: string): number {
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new RendezvousError(
    'refused',
    `add to key '${key}': expected whole numbers, got ${JSON.stringify(text.slice(0, 40))}.`,
  );
}

function limit(what: string): RendezvousError {
  return new RendezvousError('limit', `The store takes no such thing: ${what}.`);
}
