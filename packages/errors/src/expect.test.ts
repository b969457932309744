import {
  ArgumentError,
  expectBetween,
  expectBoolean,
  expectFinite,
  expectInteger,
  expectKnownOptions,
  expectNonNegative,
  expectOneOf,
  expectPositive,
  expectPositiveInteger,
  expectRecord,
  expectText,
  expectThat,
  expectWholeNumber,
  ScmoeError,
  UserError,
  valueText,
} from './index.js';

const messageOf = (call: () => void): string | undefined => {
  try {
    call();
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    return error.message;
  }
  return undefined;
};

describe('errors', () => {
  it('have one parent and keep their own names', () => {
    for (const [error, name] of [
      [new ArgumentError('m'), 'ArgumentError'],
      [new UserError('m'), 'UserError'],
    ] as const) {
      expect(error).toBeInstanceOf(ScmoeError);
      expect(error).toBeInstanceOf(Error);
      expect(error.name).toBe(name);
      expect(String(error)).toBe(`${name}: m`);
    }
  });

  it('carry the status that a program ends with, and their cause only where there is one', () => {
    expect(new UserError('m').exitCode).toBe(1);
    expect('cause' in new UserError('m')).toBe(false);
    const cause = new Error('below');
    expect(new UserError('m', { exitCode: 2, cause })).toMatchObject({ exitCode: 2, cause });
  });
});

describe('expectations', () => {
  it.each<[string, () => void, string]>([
    ['that', () => expectThat(false, 'topK', 'at most 4', 5), 'topK: expected at most 4, got 5'],
    ['integer', () => expectInteger('n', 1.5), 'n: expected a whole number, got 1.5'],
    ['minimum', () => expectInteger('n', 1, { minimum: 2 }), 'n: expected a whole number of at least 2, got 1'],
    ['maximum', () => expectInteger('n', 9, { maximum: 2 }), 'n: expected a whole number of at most 2, got 9'],
    ['range', () => expectInteger('n', 9, { minimum: 1, maximum: 2 }), 'n: expected a whole number from 1 to 2, got 9'],
    ['beyond 2^53', () => expectPositiveInteger('n', 2 ** 53), 'n: expected a positive integer, got 9007199254740992'],
    ['positive', () => expectPositiveInteger('n', 0), 'n: expected a positive integer, got 0'],
    ['whole', () => expectWholeNumber('n', -1), 'n: expected an integer >= 0, got -1'],
    ['finite', () => expectFinite('x', NaN), 'x: expected a finite number, got NaN'],
    ['not negative', () => expectNonNegative('x', Infinity), 'x: expected a number >= 0, got Infinity'],
    ['above zero', () => expectPositive('x', '1'), 'x: expected a number > 0, got "1"'],
    ['between', () => expectBetween('x', NaN, 0, 1), 'x: expected a number from 0 to 1, got NaN'],
    ['flag', () => expectBoolean('b', 1), 'b: expected true or false, got 1'],
    ['text', () => expectText('t', null), 't: expected a text, got null'],
    ['one of', () => expectOneOf('o', 'c', ['a', 'b']), 'o: expected one of a, b, got "c"'],
    ['object', () => expectRecord('r', [1]), 'r: expected an object, got [1]'],
    [
      'options',
      () => expectKnownOptions('moe', { topk: 2, absent: undefined }, ['topK', 'a']),
      'moe: unknown option topk = 2; the options are a, topK',
    ],
  ])('say what, expected and got: %s', (_, call, message) => {
    expect(messageOf(call)).toBe(message);
  });

  it('let pass what holds', () => {
    const passes = (): void => {
      expectInteger('n', -3);
      expectPositiveInteger('n', 1);
      expectWholeNumber('n', 0);
      expectFinite('x', -1.5);
      expectNonNegative('x', 0);
      expectPositive('x', 1e-9);
      expectBetween('x', 1, 1, 1);
      expectBoolean('b', false);
      expectText('t', '');
      expectOneOf('o', 'a', ['a']);
      expectRecord('r', {});
      expectKnownOptions('moe', { topK: 2, topk: undefined }, ['topK']);
    };
    expect(messageOf(passes)).toBeUndefined();
  });
});

describe('valueText', () => {
  it('shows what JSON has no words for', () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    expect([NaN, undefined, 3n, null, 'a"b', [1, NaN], circle, () => 1].map(valueText)).toEqual([
      'NaN',
      'undefined',
      '3',
      'null',
      '"a\\"b"',
      '[1,null]',
      'object',
      'function',
    ]);
  });

  it('cuts long values and says how long they were', () => {
    expect(valueText('x'.repeat(1000))).toMatch(/^"x{199}\.\.\. \(1002 characters\)$/);
  });
});
