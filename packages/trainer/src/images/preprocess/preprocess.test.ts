import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ArgumentError, UserError } from '@scmoe/errors';

import type { RgbImage } from '../RgbImage.js';
import { readTensors } from '../testing/readTensors.js';
import { preprocess } from './preprocess.js';
import { preprocessorSettings, readPreprocessor } from './readPreprocessor.js';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'testing', 'transformers');
const { tensors, metadata } = readTensors(join(folder, 'expected.safetensors'));
const configs = JSON.parse(metadata['configs']!) as Record<string, object>;

describe('preprocess', () => {
  it.each(Object.keys(configs))('gives the pixels of transformers for %s', (name) => {
    const input = tensors.get(`${name}/input`)!;
    const expected = tensors.get(`${name}/pixels`)!;
    const image: RgbImage = { height: input.shape[0]!, width: input.shape[1]!, data: input.data as Uint8Array };
    const { height, width, data } = preprocess(image, preprocessorSettings(configs[name]));
    expect([height, width, 3]).toEqual(expected.shape);
    // Float32 there in three steps, here in one: a difference of rounding, in numbers up to 255.
    const scale = Math.max(...expected.data.map(Math.abs));
    data.forEach((value, i) => expect(Math.abs(value - expected.data[i]!)).toBeLessThan(4e-7 * Math.max(2, scale)));
  });
});

describe('preprocessorSettings', () => {
  it('take what ViT does where the file is silent', () => {
    expect(preprocessorSettings({})).toEqual({
      resample: 'bilinear',
      resize: { height: 224, width: 224 },
      rescaleFactor: 1 / 255,
      normalize: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    });
  });

  it('read every form of a size', () => {
    const resizeOf = (config: object) => preprocessorSettings(config).resize;
    const clip = { image_processor_type: 'CLIPImageProcessor' };
    expect(resizeOf({ size: 8 })).toEqual({ height: 8, width: 8 });
    expect(resizeOf({ size: [8, 9] })).toEqual({ height: 8, width: 9 });
    expect(resizeOf({ size: { shortest_edge: 8 } })).toEqual({ shortestEdge: 8 });
    expect(resizeOf({ ...clip, size: 8 })).toEqual({ shortestEdge: 8 });
    expect(resizeOf({ ...clip, size: 8, do_resize: false })).toBeUndefined();
    expect(preprocessorSettings({ feature_extractor_type: 'CLIPFeatureExtractor', crop_size: 7 }).centerCrop).toEqual({
      height: 7,
      width: 7,
    });
  });

  it.each<[string, unknown, RegExp]>([
    [
      'another processor',
      { image_processor_type: 'ConvNextImageProcessor' },
      /^image_processor_type: .* got "ConvNext/,
    ],
    ['a step there is not', { do_pad: true }, /^do_pad: expected false or nothing, got true/],
    ['a longest edge', { size: { shortest_edge: 8, longest_edge: 9 } }, /^size: expected shortest_edge alone/],
    ['a size of nothing', { size: 0 }, /^resize.height: expected a positive integer, got 0/],
    ['an unknown filter', { resample: 6 }, /^resample: expected a whole number from 0 to 5, got 6/],
    ['a flag that is none', { do_resize: 'yes' }, /^do_resize: expected true or false, got "yes"/],
    ['two channels', { image_mean: [0, 0] }, /^image_mean: expected three numbers, got \[0,0\]/],
    ['a deviation of 0', { image_std: [1, 0, 1] }, /^normalize.std: expected no 0/],
    ['a list', [], /^expected an object, got \[\]/],
  ])('refuse %s', (_, config, message) => {
    let error: unknown;
    try {
      preprocessorSettings(config);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ArgumentError);
    expect((error as Error).message).toMatch(message);
  });
});

describe('readPreprocessor', () => {
  let checkpoint: string;
  beforeEach(async () => void (checkpoint = await mkdtemp(join(tmpdir(), 'preprocessor-'))));
  afterEach(() => rm(checkpoint, { recursive: true }));

  it('finds nothing where there is no file', async () => {
    expect(await readPreprocessor(checkpoint)).toBeUndefined();
  });

  it('reads the file and names it where it is wrong', async () => {
    const path = join(checkpoint, 'preprocessor_config.json');
    await writeFile(path, JSON.stringify({ size: 32, resample: 3 }));
    expect(await readPreprocessor(checkpoint)).toMatchObject({
      resize: { height: 32, width: 32 },
      resample: 'bicubic',
    });
    for (const text of ['{', '{"size": "large"}']) {
      await writeFile(path, text);
      const error: unknown = await readPreprocessor(checkpoint).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(UserError);
      expect((error as Error).message).toContain(path);
    }
  });
});
