import { ArgumentError } from '@scmoe/errors';

import { resolveVit, type VitConfig } from './VitConfig.js';

const valid: VitConfig = { imageSize: 12, patchSize: 4, numClasses: 5, numLayers: 2, dModel: 12, numHeads: 3 };

describe('resolveVit', () => {
  it('has a token for each patch, and one for the class where that is pooled', () => {
    const sizes = (pooling: 'class' | 'mean') => {
      const { numPatches, sequenceLength } = resolveVit({ ...valid, pooling });
      return [numPatches, sequenceLength];
    };
    expect(sizes('class')).toEqual([9, 10]);
    expect(sizes('mean')).toEqual([9, 9]);
  });

  it('has as many patches as strides', () => {
    expect(resolveVit({ ...valid, patchSize: 6, patchStride: 4 }).numPatches).toBe(9);
  });

  it('has patches as convolutions come to them, whatever the side of a patch', () => {
    expect(resolveVit({ ...valid, stem: 'convolutions', patchSize: 7, patchStride: 2 }).numPatches).toBe(36);
  });

  it('looks in both directions', () => {
    for (const placement of ['pairs', 'every'] as const)
      expect(resolveVit({ ...valid, placement }).stages.every(({ config }) => !config.causal)).toBe(true);
  });

  it('has experts in chosen blocks', () => {
    const moe = { kind: 'top1', numExperts: 4, blocks: [1] } as const;
    const { stages } = resolveVit({ ...valid, numLayers: 3, placement: 'every', moe });
    expect(stages.map(({ config }) => config.kind)).toEqual(['dense', 'standard', 'dense']);
  });

  it.each<[string, object, RegExp]>([
    [
      'patches that do not divide the image',
      { patchSize: 5 },
      /^patchSize: expected a divisor of imageSize = 12, got 5$/,
    ],
    [
      'patches that do not reach each other',
      { patchStride: 6 },
      /^patchStride: expected patchSize = 4, or an even number less, got 6$/,
    ],
    [
      'patches that are not centred',
      { patchStride: 3 },
      /^patchStride: expected patchSize = 4, or an even number less, got 3$/,
    ],
    [
      'strides that do not divide the image',
      { patchSize: 5, patchStride: 5 },
      /^patchStride: expected a divisor of imageSize = 12, got 5$/,
    ],
    [
      'convolutions that do not come to a patch',
      { stem: 'convolutions', patchStride: 3 },
      /^patchStride: expected a power of two above 1 for convolutions, got 3$/,
    ],
    [
      'convolutions of one pixel',
      { stem: 'convolutions', patchSize: 1 },
      /^patchSize: expected a power of two above 1 for convolutions, got 1$/,
    ],
    [
      'convolutions of half a channel',
      { stem: 'convolutions', imageSize: 16, patchStride: 8, dModel: 6 },
      /^dModel: expected a multiple of patchStride \/ 2 = 4, got 6$/,
    ],
    ['an unknown stem', { stem: 'resnet' }, /^stem: expected one of patches, convolutions, got "resnet"$/],
    ['no image', { imageSize: 0 }, /^imageSize: expected a positive integer, got 0$/],
    ['half a pixel', { patchSize: 1.5 }, /^patchSize: expected a positive integer, got 1.5$/],
    ['no channels', { numChannels: 0 }, /^numChannels: expected a positive integer, got 0$/],
    ['no classes', { numClasses: 0 }, /^numClasses: expected a positive integer, got 0$/],
    ['too few names', { classNames: ['cat'] }, /^classNames: expected 5, one for each class, got 1$/],
    ['an unknown pooling', { pooling: 'max' }, /^pooling: expected one of class, mean, got "max"$/],
    ['no layers', { numLayers: 0 }, /^numLayers: expected a positive integer, got 0$/],
    ['half a pair', { numLayers: 3 }, /^numLayers: expected an even number \(blocks come in pairs\), got 3$/],
    ['an unknown placement', { placement: 'some' }, /^placement: expected one of pairs, every, got "some"$/],
    ['heads that do not divide dModel', { numHeads: 5 }, /^numHeads: expected a divisor of dModel = 12, got 5$/],
    [
      'an unknown kind',
      { moe: { kind: 'sparse' } },
      /^moe.kind: expected one of dense, .*, top2, farskip, got "sparse"$/,
    ],
    ['no experts', { moe: { kind: 'scmoe' } }, /^numExperts: expected a number of experts for kind 'scmoe'/],
    [
      'a first block of a pair with experts',
      { moe: { kind: 'top1', numExperts: 4, blocks: [0] } },
      /^moe.blocks: expected odd numbers below 2 .*, got 0$/,
    ],
    ['an option that there is not', { patchsize: 4 }, /unknown option patchsize = 4/],
  ])('rejects %s', (_, change, message) => {
    const resolve = () => resolveVit({ ...valid, ...change });
    expect(resolve).toThrow(ArgumentError);
    expect(resolve).toThrow(message);
  });
});
