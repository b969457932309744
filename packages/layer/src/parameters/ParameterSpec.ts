import { ArgumentError, expectMemory } from '@scmoe/errors';

import type { ParameterRecord } from './ParameterRecord.js';

/**
 * Shape of a parameter and where it starts: `normal` and `residual` are drawn from a normal distribution, `residual`
 * (the projections that write into the residual stream) with a smaller deviation in deep models, `uniform` evenly from a range.
 */
export interface ParameterSpec {
  readonly shape: number[];
  readonly initial: 'zeros' | 'ones' | 'normal' | 'residual' | 'uniform';
  /** Standard deviation of `normal`, where it is another one than that of all weights. */
  readonly standardDeviation?: number;
  /** Ends of `uniform`. Default: from 0 to 1. */
  readonly range?: readonly [least: number, most: number];
  /** State that no gradient trains, such as a router's correction bias. */
  readonly buffer?: true;
  /** Where this is only a part of a parameter: its entries along the first axis begin at `first` of all `of`. */
  readonly part?: { readonly first: number; readonly of: number };
  /** Where this is one of `size` equal parts along `axis` as well: which one. */
  readonly slice?: { readonly axis: number; readonly rank: number; readonly size: number };
}

/** Specs by the names of the parameters. */
export type ParameterSpecs = Readonly<Record<string, ParameterSpec>>;

/** The same specs with `prefix.` before each name. */
export function under(prefix: string, specs: ParameterSpecs): ParameterSpecs {
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [`${prefix}.${name}`, spec]));
}

/** Number of elements of all parameters together; buffers are none. */
export function countParameters(specs: ParameterSpecs): number {
  const trained = Object.values(specs).filter(({ buffer }) => !buffer);
  return trained.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/**
 * Checks, before any is made, that all parameters and buffers can be in this machine's memory at all, in float32.
 *
 * @param config what they follow from, for the message
 * @throws ArgumentError naming the sizes, what the parameters take, and the memory of this machine
 */
export function expectParametersFit(specs: ParameterSpecs, config: object): void {
  const elements = Object.values(specs).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  expectMemory('the parameters', 4 * elements, config);
}

/**
 * Checks that `parameters` has exactly the parameters of `specs`, in their shapes.
 * @throws ArgumentError listing every missing, unexpected and misshapen parameter.
 */
export function checkParameters(parameters: ParameterRecord, specs: ParameterSpecs): void {
  const problems: string[] = [];
  for (const [name, { shape, part, slice }] of Object.entries(specs)) {
    const got = parameters[name];
    if (!got) problems.push(`'${name}' is missing`);
    else if (got.shape.join() !== shape.join()) {
      const entries = part ? `, entries ${part.first} to ${part.first + shape[0]! - 1} of ${part.of}` : '';
      const which = slice ? `${entries}, slice ${slice.rank} of ${slice.size} on axis ${slice.axis}` : entries;
      problems.push(`'${name}' has shape (${got.shape.join(', ')}), expected (${shape.join(', ')})${which}`);
    }
  }
  for (const name of Object.keys(parameters)) if (!specs[name]) problems.push(`'${name}' is not expected`);
  if (problems.length > 0) throw new ArgumentError(`parameters do not fit the configuration: ${problems.join('; ')}`);
}
