import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import { LongcatFlash } from '../longcatFlash/LongcatFlash.js';
import type { LongcatFlashConfig } from '../longcatFlash/LongcatFlashConfig.js';
import { Vit } from '../vit/Vit.js';
import type { VitConfig } from '../vit/VitConfig.js';

const gpt = { vocabSize: 11, numLayers: 2, dModel: 8, numHeads: 2, sequenceLength: 8 } satisfies GptConfig;
const vit: VitConfig = { imageSize: 8, patchSize: 4, numClasses: 3, numLayers: 2, dModel: 8, numHeads: 2 };
const longcat: LongcatFlashConfig = {
  ...gpt,
  ffnHidden: 8,
  latent: { kvLoraRank: 4, qkNopeHeadDim: 4, qkRopeHeadDim: 4, vHeadDim: 4 },
  moe: { numExperts: 2, topK: 1, expertHidden: 4 },
};

/** What the message says first: the size that is too large, as the configuration names it. */
const tooLarge = (size: string) =>
  new RegExp(`^${size},.*: expected the parameters to take at most .* the memory of this machine, got .*iB$`);
const layers = (got: number) => new RegExp(`^numLayers: expected a whole number from 1 to 16384, got ${got}$`);

// What a configuration of a few bytes may ask for: more than any memory, or work without end.
describe('a model of sizes that no machine has', () => {
  const experts = { kind: 'standard', numExperts: 4 } as const;

  it.each<[string, () => object, RegExp]>([
    ['GPT: words', () => new Gpt({ ...gpt, vocabSize: 1e15 }, { seed: 1 }), tooLarge('vocabSize 1000000000000000')],
    ['GPT: width', () => new Gpt({ ...gpt, dModel: 1e9 }, { seed: 1 }), tooLarge('dModel 1000000000')],
    [
      'GPT: tokens',
      () => new Gpt({ ...gpt, sequenceLength: 1e12 }, { seed: 1 }),
      tooLarge('sequenceLength 1000000000000'),
    ],
    ['GPT: blocks', () => new Gpt({ ...gpt, numLayers: 1e8 }, { seed: 1 }), layers(1e8)],
    [
      'GPT: blocks, each for itself',
      () => new Gpt({ ...gpt, placement: 'every', numLayers: 1e15 }, { seed: 1 }),
      layers(1e15),
    ],
    [
      'GPT: experts',
      () => new Gpt({ ...gpt, moe: { ...experts, numExperts: 1e10 } }, { seed: 1 }),
      tooLarge('moe.numExperts 10000000000'),
    ],
    [
      'GPT: zero experts',
      () => new Gpt({ ...gpt, moe: { ...experts, numZeroExperts: 1e10 } }, { seed: 1 }),
      tooLarge('moe.numZeroExperts 10000000000'),
    ],
    ['ViT: pixels', () => new Vit({ ...vit, imageSize: 2 ** 40 }, { seed: 1 }), tooLarge('imageSize 1099511627776')],
    ['ViT: classes', () => new Vit({ ...vit, numClasses: 1e12 }, { seed: 1 }), tooLarge('numClasses 1000000000000')],
    ['ViT: blocks', () => new Vit({ ...vit, numLayers: 2 ** 33 }, { seed: 1 }), layers(2 ** 33)],
    ['LongCat-Flash: blocks', () => new LongcatFlash({ ...longcat, numLayers: 1e8 }, { seed: 1 }), layers(1e8)],
    [
      'LongCat-Flash: experts',
      () => new LongcatFlash({ ...longcat, moe: { ...longcat.moe, numExperts: 1e12 } }, { seed: 1 }),
      tooLarge('moe.numExperts 1000000000000'),
    ],
  ])('is refused before anything is made: %s', (_, make, message) => {
    const before = tf.memory().numTensors;
    expect(make).toThrow(ArgumentError);
    expect(make).toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });
});
