import type { RopeScalingConfig } from '@scmoe/layer';

import type { ConfigReader } from './ConfigReader.js';
import { Float } from './Float.js';
import type { JsonObject } from '../folder/openFolder.js';

/** Rotary positions as configurations have them. */
export interface RopeSettings {
  theta: number;
  /** Share of each head that turns. */
  partial: number;
  scaling?: RopeScalingConfig;
}

/** What a family has of rotary positions where its configuration says nothing. */
interface RopeDefaults {
  theta: number;
  partial?: number;
  scaling?: RopeScalingConfig;
  headSize?: number;
  hasLongrope?: boolean;
  ignored?: readonly string[];
}

/** Names of the settings of scaled angles, in configurations and here. */
const scalingNames = {
  linear: { factor: 'factor' },
  llama3: {
    factor: 'factor',
    original_max_position_embeddings: 'originalLength',
    low_freq_factor: 'lowFrequencyFactor',
    high_freq_factor: 'highFrequencyFactor',
  },
  yarn: {
    factor: 'factor',
    original_max_position_embeddings: 'originalLength',
    beta_fast: 'betaFast',
    beta_slow: 'betaSlow',
    truncate: 'truncate',
    attention_factor: 'attentionFactor',
    mscale: 'mscale',
    mscale_all_dim: 'mscaleAllDim',
  },
  longrope: {
    factor: 'factor',
    original_max_position_embeddings: 'originalLength',
    short_factor: 'shortFactors',
    long_factor: 'longFactors',
    short_mscale: 'shortMscale',
    long_mscale: 'longMscale',
  },
} as const satisfies Record<RopeScalingConfig['type'], Record<string, keyof RopeScalingConfig>>;

/**
 * Reads the rotary positions. Since transformers 5 all stands in `rope_parameters`; before that `rope_theta` and
 * `partial_rotary_factor` stood at the top, beside `rope_scaling`, which in transformers 5 takes the place of the whole
 * `rope_parameters` where it is not null. What is within goes before what is at the top.
 *
 * @param defaults what the family has where nothing is said, also of scaled angles; with `headSize`, angles may be those of
 *   `dynamic` with an `alpha`, which are plain ones of another base, theta alpha^(D / (D - 2)); angles may be those
 *   of `longrope`, which are others in each family, with `hasLongrope`; `ignored` are settings without effect on text
 * @throws PretrainedError naming the key, and what in it is not known
 */
export function readRope(
  config: ConfigReader,
  { theta, partial = 1, scaling, headSize, hasLongrope = false, ignored = [] }: RopeDefaults,
): RopeSettings {
  const atTop = {
    theta: config.positive('rope_theta', theta),
    partial: config.positive('partial_rotary_factor', partial),
  };
  const [parameters, legacy] = [config.take('rope_parameters'), config.take('rope_scaling')];
  const key = legacy === undefined ? 'rope_parameters' : 'rope_scaling';
  const given = legacy ?? parameters;
  if (given === undefined) return { ...atTop, ...(scaling && { scaling }) };
  if (typeof given !== 'object' || Array.isArray(given)) config.fail(key, 'expected an object');
  const { rope_theta: own, partial_rotary_factor: part, rope_type, type, ...rest } = given as Record<string, unknown>;
  const found = {
    theta: positive(config, key, 'rope_theta', own) ?? atTop.theta,
    partial: positive(config, key, 'partial_rotary_factor', part) ?? atTop.partial,
  };
  const kind = rope_type ?? type ?? 'default';
  const alpha =
    kind === 'dynamic' && headSize !== undefined ? positive(config, key, 'alpha', rest['alpha']) : undefined;
  // Hunyuan's: one base for all lengths, which says what other settings would.
  if (alpha !== undefined) return { ...found, theta: found.theta * alpha ** (headSize! / (headSize! - 2)) };
  const set = Object.entries(rest).filter(([name, value]) => value !== null && !ignored.includes(name));
  if (kind === 'default') {
    if (set.length > 0) config.fail(key, `expected no ${set.map(([name]) => name).join(', ')} for rope_type "default"`);
    return found;
  }
  if (!isScaling(kind) || (kind === 'longrope' && !hasLongrope))
    config.fail(
      key,
      `only rope_type "default", ${Object.keys(scalingNames)
        .filter((each) => each !== 'longrope' || hasLongrope)
        .map((each) => JSON.stringify(each))
        .join(', ')} are supported`,
    );
  return { ...found, scaling: readScaling(config, key, kind, set) };
}

function readScaling(
  config: ConfigReader,
  key: string,
  type: RopeScalingConfig['type'],
  set: readonly [string, unknown][],
): RopeScalingConfig {
  const names: Readonly<Record<string, keyof RopeScalingConfig>> = scalingNames[type];
  const unknown = set.filter(([name]) => !(name in names)).map(([name]) => name);
  if (unknown.length > 0) config.fail(key, `expected no ${unknown.join(', ')} for rope_type "${type}"`);
  const scaling: Record<string, unknown> = Object.fromEntries(set.map(([name, value]) => [names[name]!, value]));
  for (const [name, value] of Object.entries(scaling)) {
    const [isRight, what] = settingOf(name, value);
    if (!isRight) config.fail(key, `expected ${what} for each setting`);
  }
  const longest = config.integer('max_position_embeddings');
  if (type === 'yarn') scaling['originalLength'] ??= longest;
  if (type === 'yarn' || type === 'longrope') scaling['factor'] ??= longest / (scaling['originalLength'] as number);
  if (scaling['factor'] === undefined) config.fail(key, 'expected a factor');
  const isWhole = !['llama3', 'longrope'].includes(type) || Object.keys(scaling).length === Object.keys(names).length;
  if (!isWhole) config.fail(key, `expected ${Object.keys(names).join(', ')}`);
  return {
    type,
    ...(type === 'yarn' && { betaFast: 32, betaSlow: 1, truncate: true }),
    ...scaling,
  } as RopeScalingConfig;
}

/** Whether a setting of scaled angles is one, and what it has to be. */
function settingOf(name: string, value: unknown): [boolean, string] {
  if (name === 'truncate') return [typeof value === 'boolean', 'true or false'];
  const isNumber = (each: unknown) => typeof each === 'number';
  if (!name.endsWith('Factors')) return [isNumber(value), 'a number'];
  return [Array.isArray(value) && value.every(isNumber), 'a list of numbers, one for each pair,'];
}

/** What of {@link readRope} is an option of a model with heads of this size. */
export function ropeOptionsOf({ theta, partial, scaling }: RopeSettings, headSize: number) {
  const size = Math.trunc(headSize * partial);
  return {
    ropeTheta: theta,
    ...(size !== headSize && { ropeSize: size }),
    ...(scaling && { ropeScaling: scaling }),
  };
}

/** The share of a head that so many components are, which gives them again when it is multiplied and cut. */
export function shareOf(size: number, headSize: number): number {
  const share = size / headSize;
  return Math.trunc(headSize * share) === size ? share : (size + 0.5) / headSize;
}

/**
 * The same settings where transformers 5 looks, and where versions before it do.
 *
 * @param fallback the share of each head that turns where the configuration does not say it
 */
export function writeRope(
  { theta, partial, scaling }: RopeSettings,
  { fallback = 1 }: { fallback?: number } = {},
): JsonObject {
  const part = partial === fallback ? {} : { partial_rotary_factor: new Float(partial) };
  const scaled = scaling && scalingJson(scaling);
  return {
    rope_parameters: { ...(scaled ?? { rope_type: 'default' }), rope_theta: new Float(theta), ...part },
    rope_theta: new Float(theta),
    ...part,
    ...(scaled && { rope_scaling: scaled }),
  };
}

function scalingJson(scaling: RopeScalingConfig): JsonObject {
  const given: Readonly<Record<string, unknown>> = { ...scaling };
  const settings = Object.entries(scalingNames[scaling.type]).flatMap(([theirs, ours]): [string, unknown][] => {
    const value = given[ours];
    // A weight of 0 is none.
    if (value === undefined || (ours.startsWith('mscale') && value === 0)) return [];
    if (Array.isArray(value)) return [[theirs, value.map((each: number) => new Float(each))]];
    return [[theirs, typeof value === 'number' && ours !== 'originalLength' ? new Float(value) : value]];
  });
  return { rope_type: scaling.type, ...Object.fromEntries<unknown>(settings) };
}

function isScaling(kind: unknown): kind is RopeScalingConfig['type'] {
  return typeof kind === 'string' && Object.hasOwn(scalingNames, kind);
}

function positive(config: ConfigReader, key: string, name: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (!(typeof value === 'number' && value > 0)) config.fail(key, `expected a ${name} > 0`);
  return value;
}
