import { parseSignature, type Argument, type Dtype } from './parseSignature.js';
import type { Signature } from './Signature.js';

/** A call that a native function has to refuse, or at least to survive. */
export interface WrongCall {
  /** What is wrong, for the message of a failed test. */
  what: string;
  args: Record<string, unknown>;
  /** The argument that the error has to name; undefined where it may name another one. */
  argument?: string;
  /** Whether the call may succeed: extreme values that are not wrong for every function. */
  maySucceed?: boolean;
}

const typedArrays = {
  float32: Float32Array,
  int32: Int32Array,
  bool: Uint8Array,
  uint8: Uint8Array,
  bf16: Uint16Array,
} satisfies Record<Dtype, unknown>;
const otherArrays = [Float32Array, Int32Array, Uint8Array, Uint16Array, Int8Array, Float64Array, Uint8ClampedArray];

/**
 * Arguments with which a function does a little work without complaint.
 *
 * @param fills what int32 arrays hold, if not 0, and what sizes and integers are, if not 2
 */
export function rightArguments(signature: Signature, fills: Record<string, number> = {}): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const argument of inOrder(parseSignature(signature)))
    values[argument.name] = rightValue(argument, values, fills);
  return values;
}

/** Every argument of a function missing, of the wrong kind, too short, out of its range. */
export function* wrongCalls(signature: Signature, right: Record<string, unknown>): Generator<WrongCall> {
  for (const argument of parseSignature(signature)) {
    const { name, isOptional } = argument;
    const wrong = (what: string, value: unknown, rest: Partial<WrongCall> = {}): WrongCall => ({
      what: `${name} ${what}`,
      args: { ...right, [name]: value },
      argument: name,
      ...rest,
    });
    if (!isOptional) {
      const { [name]: _, ...others } = right;
      yield { what: `${name} missing`, args: others, argument: name };
      yield wrong('undefined', undefined);
      yield wrong('null', null);
    }
    const foreign: unknown[] = [
      {},
      'text',
      1,
      true,
      Symbol('s'),
      2n,
      () => 1,
      new Date(0),
      new ArrayBuffer(64),
      [],
      [{}],
    ];
    for (const value of foreign)
      if (!isOfKind(value, argument)) yield wrong(`a ${Object.prototype.toString.call(value)}`, value);
    yield* wrongValues(argument, right, wrong);
  }
}

type Wrong = (what: string, value: unknown, rest?: Partial<WrongCall>) => WrongCall;

/** Whether a value might pass, as far as its JavaScript type goes. */
function isOfKind(value: unknown, argument: Argument): boolean {
  switch (argument.kind) {
    case 'size':
    case 'integer':
    case 'number':
      return typeof value === 'number';
    case 'boolean':
    case 'function':
      return typeof value === argument.kind;
    case 'text':
      return typeof value === 'string';
    case 'texts':
    case 'sizes':
      return Array.isArray(value) && value.length === 0;
    default:
      return false;
  }
}

function* wrongValues(argument: Argument, right: Record<string, unknown>, wrong: Wrong): Generator<WrongCall> {
  const value = right[argument.name];
  const elsewhere = { argument: undefined };
  const survive = { argument: undefined, maySucceed: true };
  switch (argument.kind) {
    case 'size':
      for (const number of [NaN, -1, 1.5, 2 ** 53, Infinity, -Infinity, 1e300, '2'])
        yield wrong(`is ${number}`, number);
      for (const number of [2 ** 31, 2 ** 32 + 1, 2 ** 39]) yield wrong(`is ${number}`, number, survive);
      return;
    case 'integer':
      for (const number of [NaN, 1.5, 2 ** 54, -(2 ** 54), Infinity, '2']) yield wrong(`is ${number}`, number);
      return;
    case 'number':
      for (const number of [NaN, Infinity, -Infinity, -1e308]) yield wrong(`is ${number}`, number, survive);
      return;
    case 'choice':
      for (const text of ['', argument.choices[0]!.toUpperCase(), argument.choices[0]! + 'x'.repeat(1000)])
        yield wrong(`is '${text.slice(0, 20)}'`, text);
      return;
    case 'sizes':
      if (argument.count !== '') {
        yield wrong('too few', (value as number[]).slice(1));
        yield wrong('too many', [...(value as number[]), 1]);
      }
      for (const number of [NaN, -1, 1.5, 1e300, '1', undefined]) yield wrong(`holds ${number}`, [number, number]);
      return;
    case 'walk':
      yield wrong('is a Float32Array', new Float32Array(37));
      for (const numbers of [
        [],
        [NaN],
        [-1],
        [1.5],
        [13],
        [1e300],
        [2, 1, 1],
        [1, 2, 1],
        [1, NaN, 1, 1],
        [1, -1, 1, 1],
      ])
        yield wrong(`is ${numbers.join()}`, Float64Array.from(numbers));
      for (const stride of [NaN, 1.5, 1e300, -1e300, Infinity])
        yield wrong(`has stride ${stride}`, Float64Array.of(1, 2, stride, 1));
      for (const [size, stride] of [
        [2 ** 39, 1],
        [2, 2 ** 39],
        [2, -9],
        [2 ** 40, 2 ** 40],
        [2 ** 39, -(2 ** 39)],
      ])
        yield wrong(`reaches ${size} x ${stride}`, Float64Array.of(1, size!, stride!, stride!), elsewhere);
      return;
    case 'array': {
      const array = value as Float32Array;
      if (array.length > 0) yield wrong('one short', array.slice(1));
      if (array.length > 0) yield wrong('empty', array.slice(array.length));
      if (array.length > 0) yield wrong('detached', detached(array));
      yield wrong('a plain array', Array.from(array));
      const allowed = argument.sameAs ? [array.constructor] : argument.dtypes.map((dtype) => typedArrays[dtype]);
      for (const Other of otherArrays)
        // One of several dtypes may be right by itself and wrong for another argument.
        if (Other !== array.constructor)
          yield wrong(`a ${Other.name}`, new Other(array.length + 8), allowed.includes(Other as never) ? survive : {});
      if (array.constructor === (Int32Array as unknown) && !argument.isWritten)
        for (const fill of [2 ** 31 - 1, -(2 ** 31), array.length + 1])
          yield wrong(`filled with ${fill}`, new Int32Array(array.length).fill(fill), survive);
      return;
    }
    case 'arrays': {
      const list = value as Float32Array[];
      const [first, ...rest] = list as [Float32Array, ...Float32Array[]];
      yield wrong('too few', rest);
      yield wrong('too many', [...list, first]);
      yield wrong('with a hole', [undefined, ...rest]);
      yield wrong('of another dtype', [new Float64Array(64), ...rest]);
      if (argument.asLongAs) yield wrong('with a short one', [first.slice(1), ...rest]);
      if (argument.asLongAs) yield wrong('with a detached one', [detached(first), ...rest]);
      return;
    }
    default:
  }
}

function detached<T extends { slice(): T; buffer: ArrayBufferLike }>(array: T): T {
  const copy = array.slice();
  structuredClone(copy.buffer, { transfer: [copy.buffer as ArrayBuffer] });
  return copy;
}

/** Arguments as the C++ side reads them: what lengths are made of first, then arrays, then those that follow another one. */
function inOrder(all: Argument[]): Argument[] {
  const place = (a: Argument) =>
    a.kind === 'array' || a.kind === 'arrays' || a.kind === 'sizes'
      ? ('sameAs' in a && a.sameAs) || ('asLongAs' in a && a.asLongAs)
        ? 2
        : 1
      : 0;
  return all.toSorted((a, b) => place(a) - place(b));
}

function rightValue(argument: Argument, known: Record<string, unknown>, fills: Record<string, number>): unknown {
  const { name } = argument;
  switch (argument.kind) {
    case 'size': {
      const low = argument.low === undefined ? 0 : evaluate(argument.low, known);
      const high = argument.high === undefined ? Infinity : evaluate(argument.high, known);
      return Math.min(Math.max(fills[name] ?? 2, low), high);
    }
    case 'integer':
      return fills[name] ?? 2;
    case 'number':
      return 0.5;
    case 'boolean':
      return false;
    case 'text':
      return 'x';
    case 'texts':
      return ['x'];
    case 'function':
      return () => undefined;
    case 'choice':
      return argument.choices[0];
    case 'walk':
      return Float64Array.of(1, 2, 1, 1);
    case 'sizes':
      return new Array<number>(argument.count === '' ? 0 : evaluate(argument.count, known)).fill(1);
    case 'array': {
      const length = evaluate(argument.length, known);
      if (argument.sameAs)
        return new ((known[argument.sameAs] as object).constructor as Float32ArrayConstructor)(length);
      const array = new typedArrays[argument.dtypes[0]!](length);
      return array.fill(fills[name] ?? 0);
    }
    case 'arrays':
      return Array.from({ length: evaluate(argument.count, known) }, () => new typedArrays[argument.dtypes[0]!](16));
  }
}

/** A length or a bound of a signature, for the walk of `rightValue`, which reaches two elements of either operand. */
function evaluate(expression: string, known: Record<string, unknown>): number {
  const ofWalk = expression.replace(/(reach|elements)\([^)]*\)/g, '2');
  const sum = (text: string, separator: string, join: (a: number, b: number) => number, next: (t: string) => number) =>
    text
      .split(separator)
      .map((part) => next(part.trim()))
      .reduce(join);
  const term = (text: string): number => (/^\d+$/.test(text) ? Number(text) : (known[text] as number));
  const product = (text: string): number => sum(text, '*', (a, b) => a * b, term);
  // copyStrided's offsets come on top of what its walk reaches.
  const offsets = /reach\(\w+, \d, (\w+)\)/.exec(expression)?.[1];
  return sum(ofWalk, '+', (a, b) => a + b, product) + (offsets ? (known[offsets] as number) : 0);
}
