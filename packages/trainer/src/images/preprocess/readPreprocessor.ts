import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ArgumentError, UserError, valueText } from '@scmoe/errors';

import { fileError } from '../../fileError.js';
import type { ImageSize } from '../RgbImage.js';
import { checkPreprocessing, type PerChannel, type PreprocessSettings } from './PreprocessSettings.js';
import { resampleNames } from './resampleFilters.js';

type Config = Record<string, unknown>;

interface Defaults {
  /** Whether one number as `size` means a square, or the shorter side. */
  square: boolean;
  size: unknown;
  cropSize?: ImageSize;
  resample: number;
  mean: PerChannel;
  std: PerChannel;
}

const half: Pick<Defaults, 'mean' | 'std'> = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
const clipColours: Pick<Defaults, 'mean' | 'std'> = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
};
const square = (edge: number): ImageSize => ({ height: edge, width: edge });

/** What transformers' processors do where their configuration is silent (classes of transformers 5.24). */
const defaultsOf: Record<string, Defaults> = {
  ViT: { square: true, size: square(224), resample: 2, ...half },
  DeiT: { square: true, size: square(256), cropSize: square(224), resample: 3, ...half },
  CLIP: { square: false, size: { shortest_edge: 224 }, cropSize: square(224), resample: 3, ...clipColours },
  Bit: { square: false, size: { shortest_edge: 224 }, cropSize: square(224), resample: 3, ...clipColours },
};

/** Steps that would change the pixels and that there are none of here. */
const unknownSteps = ['do_pad', 'do_flip_channel_order', 'do_thumbnail', 'do_align_long_axis', 'do_reduce_labels'];

/**
 * Reads how a checkpoint wants its pictures from the `preprocessor_config.json` in its folder, of the processors of ViT,
 * DeiT, CLIP and BiT. Colours are converted to RGB whatever `do_convert_rgb` says: these models know nothing else.
 *
 * @returns undefined where there is no such file
 * @throws UserError where it can't be read, or asks for what would give other pixels than we would make.
 */
export async function readPreprocessor(folder: string): Promise<PreprocessSettings | undefined> {
  const path = join(folder, 'preprocessor_config.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(`read ${path}`, error);
  }
  try {
    return preprocessorSettings(JSON.parse(text) as unknown);
  } catch (error) {
    if (!(error instanceof ArgumentError || error instanceof SyntaxError)) throw error;
    throw new UserError(`${path}: ${error.message}`, { cause: error });
  }
}

/**
 * The settings that the content of a `preprocessor_config.json` stands for.
 *
 * @throws ArgumentError for a processor, a step or a value that we can't follow.
 */
export function preprocessorSettings(config: unknown): PreprocessSettings {
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new ArgumentError(`expected an object, got ${valueText(config)}`);
  const given = config as Config;
  const defaults = defaultsFor(given);
  for (const step of unknownSteps) {
    if (given[step] === true) throw new ArgumentError(`${step}: expected false or nothing, got true`);
  }
  const does = (step: string, byDefault: boolean) => flag(given, step, byDefault);
  const settings: PreprocessSettings = { resample: resampleOf(given['resample'] ?? defaults.resample) };
  if (does('do_resize', true)) settings.resize = resizeOf(given['size'] ?? defaults.size, defaults.square);
  if (does('do_center_crop', defaults.cropSize !== undefined))
    settings.centerCrop = sizeOf('crop_size', given['crop_size'] ?? defaults.cropSize ?? settings.resize);
  if (does('do_rescale', true)) settings.rescaleFactor = numberOf('rescale_factor', given['rescale_factor'] ?? 1 / 255);
  if (does('do_normalize', true))
    settings.normalize = {
      mean: channelsOf('image_mean', given['image_mean'] ?? defaults.mean),
      std: channelsOf('image_std', given['image_std'] ?? defaults.std),
    };
  checkPreprocessing(settings);
  return settings;
}

function defaultsFor(config: Config): Defaults {
  const type = config['image_processor_type'] ?? config['feature_extractor_type'] ?? 'ViTImageProcessor';
  const family = (typeof type === 'string' ? type : '').replace(/(ImageProcessor|FeatureExtractor)(Fast|Pil)?$/, '');
  const defaults = defaultsOf[family];
  if (defaults !== undefined && Object.hasOwn(defaultsOf, family)) return defaults;
  throw new ArgumentError(
    `image_processor_type: expected that of ${Object.keys(defaultsOf).join(', ')}, got ${valueText(type)}`,
  );
}

function flag(config: Config, name: string, byDefault: boolean): boolean {
  const value = config[name] ?? byDefault;
  if (typeof value !== 'boolean') throw new ArgumentError(`${name}: expected true or false, got ${valueText(value)}`);
  return value;
}

function resampleOf(value: unknown): PreprocessSettings['resample'] {
  const name = typeof value === 'number' ? resampleNames[value] : undefined;
  if (name === undefined)
    throw new ArgumentError(`resample: expected a whole number from 0 to 5, got ${valueText(value)}`);
  return name;
}

function resizeOf(value: unknown, asSquare: boolean): NonNullable<PreprocessSettings['resize']> {
  if (typeof value === 'number') return asSquare ? square(value) : { shortestEdge: value };
  const { shortest_edge: shortest, longest_edge: longest } = (value ?? {}) as Config;
  if (shortest === undefined) return sizeOf('size', value);
  if (typeof shortest !== 'number' || longest !== undefined)
    throw new ArgumentError(`size: expected shortest_edge alone, or height and width, got ${valueText(value)}`);
  return { shortestEdge: shortest };
}

function sizeOf(name: string, value: unknown): ImageSize {
  if (typeof value === 'number') return square(value);
  const { height, width } = (Array.isArray(value) ? { height: value[0], width: value[1] } : (value ?? {})) as Config;
  if (typeof height === 'number' && typeof width === 'number') return { height, width };
  throw new ArgumentError(`${name}: expected a number, or height and width, got ${valueText(value)}`);
}

function numberOf(name: string, value: unknown): number {
  if (typeof value === 'number') return value;
  throw new ArgumentError(`${name}: expected a number, got ${valueText(value)}`);
}

function channelsOf(name: string, value: unknown): PerChannel {
  if (typeof value === 'number') return [value, value, value];
  if (Array.isArray(value) && value.length === 3 && value.every((each) => typeof each === 'number'))
    return value as unknown as PerChannel;
  throw new ArgumentError(`${name}: expected three numbers, got ${valueText(value)}`);
}
