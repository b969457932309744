import { ArgumentError } from '@scmoe/errors';

import { resolveOptions, type OptionSpecs, type OptionsOf, type ResolvedOptions } from '../index.js';

const specs = {
  width: { type: 'integer', minimum: 1, required: true, help: 'width' },
  hidden: { type: 'integer', minimum: 1, derived: '4 width', help: 'hidden width' },
  rate: { type: 'number', minimum: 0, below: 1, default: 0.5, help: 'rate' },
  scale: { type: 'number', above: 0, default: 1, help: 'scale' },
  form: { type: 'choice', choices: ['round', 'square'], default: 'round', help: 'form' },
  bias: { type: 'choice', choices: [true, false, 'half'], default: false, help: 'bias' },
  causal: { type: 'boolean', default: true, help: 'causal' },
  rows: { type: 'integers', minimum: 0, optional: true, help: 'rows' },
  turn: {
    type: 'record',
    optional: true,
    help: 'turn',
    options: { style: { type: 'choice', choices: ['half'], required: true, help: 'style' } },
  },
} as const satisfies OptionSpecs;

type Config = OptionsOf<typeof specs>;
const resolve = (config: Config): ResolvedOptions<typeof specs> =>
  resolveOptions(config, specs, { defaults: { hidden: 4 * config.width }, within: 'shape' });

describe('resolveOptions', () => {
  it('fills in what is not given, from the table or from other options', () => {
    const filled = { width: 2, hidden: 8, rate: 0.5, scale: 1, form: 'round', bias: false, causal: true };
    expect(resolve({ width: 2 })).toStrictEqual(filled);
    expect(resolve({ width: 2, rate: undefined })).toStrictEqual(filled);
  });

  it('keeps what is given, false and 0 too, and picks the options of the table alone', () => {
    const given: Config = {
      width: 2,
      hidden: 3,
      rate: 0,
      scale: 2,
      form: 'square',
      bias: 'half',
      causal: false,
      rows: [0, 4],
      turn: { style: 'half' },
    };
    const more = { ...given, other: 1 };
    expect(resolve(more)).toStrictEqual(given);
  });

  it.each<[Record<string, unknown>, string]>([
    [{ width: undefined }, 'shape.width: expected a positive integer, got undefined'],
    [{ width: 1.5 }, 'shape.width: expected a positive integer, got 1.5'],
    [{ rate: 1 }, 'shape.rate: expected a number in [0, 1), got 1'],
    [{ rate: '0.5' }, 'shape.rate: expected a number in [0, 1), got "0.5"'],
    [{ rate: NaN }, 'shape.rate: expected a number in [0, 1), got NaN'],
    [{ scale: 0 }, 'shape.scale: expected a number > 0, got 0'],
    [{ scale: Infinity }, 'shape.scale: expected a number > 0, got Infinity'],
    [{ form: 'oval' }, 'shape.form: expected one of round, square, got "oval"'],
    [{ bias: 'true' }, 'shape.bias: expected one of true, false, half, got "true"'],
    [{ causal: 1 }, 'shape.causal: expected true or false, got 1'],
    [{ rows: [0, -1] }, 'shape.rows: expected integers >= 0, got [0,-1]'],
    [{ rows: 3 }, 'shape.rows: expected integers >= 0, got 3'],
    [{ turn: 'half' }, 'shape.turn: expected an object, got "half"'],
    [{ turn: {} }, 'shape.turn.style: expected one of half, got undefined'],
    [{ turn: { style: 'half', speed: 2 } }, 'shape.turn: unknown option speed = 2; the options are style'],
  ])('refuses %j', (change, message) => {
    expect(() => resolve({ width: 2, ...change })).toThrow(new ArgumentError(message));
  });
});
