import { valueText } from '@scmoe/errors';

import { ApiError } from './ApiError.js';

/** Fields of a JSON body, read by name with what they may be; null counts as absent, as in the API. */
export class RequestFields {
  private readonly values: Readonly<Record<string, unknown>>;
  private readonly read = new Set<string>();

  /** @throws ApiError where the body is no object */
  constructor(
    body: unknown,
    private readonly path = '',
  ) {
    if (typeof body !== 'object' || body === null || Array.isArray(body))
      throw new ApiError(`${path === '' ? 'body' : path}: expected a JSON object, got ${valueText(body)}`, {
        ...(path !== '' && { param: path }),
      });
    this.values = body as Record<string, unknown>;
  }

  /** Any value; undefined where it is absent or null. */
  any(name: string): unknown {
    this.read.add(name);
    return Object.hasOwn(this.values, name) ? (this.values[name] ?? undefined) : undefined;
  }

  number(name: string, { minimum, maximum }: { minimum: number; maximum: number }): number | undefined {
    const value = this.any(name);
    const holds = typeof value === 'number' && value >= minimum && value <= maximum;
    if (value === undefined || holds) return value;
    throw this.wrong(name, `a number from ${minimum} to ${maximum}`, value);
  }

  integer(name: string, { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = {}): number | undefined {
    const value = this.any(name);
    const holds = Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum;
    if (value === undefined || holds) return value as number | undefined;
    const range = maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
    throw this.wrong(name, `a whole number ${range}`, value);
  }

  boolean(name: string): boolean | undefined {
    const value = this.any(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.wrong(name, 'true or false', value);
  }

  text(name: string): string | undefined {
    const value = this.any(name);
    if (value === undefined || typeof value === 'string') return value;
    throw this.wrong(name, 'a text', value);
  }

  /** A text or a list of texts, as a list. */
  texts(name: string, { most }: { most: number }): string[] | undefined {
    const value = this.any(name);
    if (value === undefined) return undefined;
    const list: unknown[] = Array.isArray(value) ? value : [value];
    const holds = list.length <= most && list.every((item) => typeof item === 'string' && item !== '');
    if (holds) return list as string[];
    throw this.wrong(name, `a text that is not empty, or a list of at most ${most}`, value);
  }

  /** Fields of an object. */
  fields(name: string): RequestFields | undefined {
    const value = this.any(name);
    return value === undefined ? undefined : new RequestFields(value, this.pathOf(name));
  }

  /** @throws ApiError naming a field that was not read: nothing is ignored that would change the answer. */
  expectNothingElse(): void {
    for (const [name, value] of Object.entries(this.values)) {
      if (this.read.has(name) || value === null) continue;
      const path = this.pathOf(name);
      throw new ApiError(`Unsupported parameter: '${path}' is not supported by this server.`, {
        param: path,
        code: 'unsupported_parameter',
      });
    }
  }

  /** The error of a field that is not what it may be. */
  wrong(name: string, expected: string, got: unknown): ApiError {
    const path = this.pathOf(name);
    return new ApiError(`${path}: expected ${expected}, got ${valueText(got)}`, { param: path, code: 'invalid_value' });
  }

  private pathOf(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}
