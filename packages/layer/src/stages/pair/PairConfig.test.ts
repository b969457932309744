import { ArgumentError } from '@scmoe/errors';

import { resolvePair, type PairConfig } from './PairConfig.js';

const valid: PairConfig = { kind: 'scmoe', dModel: 12, numHeads: 3, numExperts: 4 };

describe('resolvePair', () => {
  it('fills in the defaults of the paper', () => {
    const { moe, normEpsilon } = resolvePair(valid);
    expect(moe).toMatchObject({ topK: 1, normalizeWeights: false, capacityFactor: 0, postNorm: false });
    expect(moe!.shared).toEqual({ hidden: 48, mix: 'cg1' });
    expect(moe!.shortcut).toEqual({ position: 'pos2', norm: 'own', sharedNormOf: 'mlp' });
    expect(normEpsilon).toBe(1e-5);
    expect(resolvePair({ ...valid, position: 'pos1' }).moe!.shortcut!.sharedNormOf).toBe('sharedExpert');
    expect(resolvePair({ ...valid, kind: 'standard' }).moe).toMatchObject({ topK: 2, normalizeWeights: true });
  });

  it.each<[string, Partial<Record<keyof PairConfig, unknown>>, RegExp]>([
    [
      'an unknown kind',
      { kind: 'sparse' },
      /^kind: expected one of dense, standard, shared, scmoe, dgmoe, got "sparse"$/,
    ],
    ['heads that do not divide dModel', { numHeads: 5 }, /^numHeads: expected a divisor of dModel = 12, got 5$/],
    [
      'key heads that do not divide heads',
      { numKvHeads: 2 },
      /^numKvHeads: expected a divisor of numHeads = 3, got 2$/,
    ],
    [
      'rope with an odd head size',
      { numHeads: 4, rope: { style: 'half' } },
      /^rope: expected an even head size .*, got 3$/,
    ],
    ['an unknown rope', { rope: { style: 'spiral' } }, /^rope.style: expected one of half, interleaved, got "spiral"$/],
    ['more choices than experts', { topK: 5 }, /^topK: expected at most numExperts = 4, got 5$/],
    [
      'no experts',
      { numExperts: undefined },
      /^numExperts: expected a number of experts for kind 'scmoe', got undefined$/,
    ],
    ['half an expert', { numExperts: 2.5 }, /^numExperts: expected a positive integer, got 2.5$/],
    ['negative capacity', { capacityFactor: -1 }, /^capacityFactor: expected a number >= 0, got -1$/],
    ['an unknown position', { position: 'pos4' }, /^position: expected one of pos1, pos2, pos3, got "pos4"$/],
    ['an unknown mix', { mix: 'cg3' }, /^mix: expected one of add, cg1, cg2, got "cg3"$/],
    ['an unknown activation', { activation: 'relu' }, /^activation: expected one of gelu, gelu_tanh, silu, swiglu/],
    ['an unknown norm', { norm: 'batch' }, /^norm: expected one of layer, rms, zeroCentredRms, got "batch"$/],
    [
      'an unknown shortcut norm',
      { shortcutNorm: 'any' },
      /^shortcutNorm: expected one of own, shared, none, got "any"$/,
    ],
    ['dropout of everything', { dropout: 1 }, /^dropout: expected a number in \[0, 1\), got 1$/],
    ['no width', { dModel: 0 }, /^dModel: expected a positive integer, got 0$/],
  ])('rejects %s', (_, change, message) => {
    const resolve = () => resolvePair({ ...valid, ...change } as PairConfig);
    expect(resolve).toThrow(ArgumentError);
    expect(resolve).toThrow(message);
  });
});
