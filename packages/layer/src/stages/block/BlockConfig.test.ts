import { ArgumentError } from '@scmoe/errors';

import { resolveBlock, type BlockConfig } from './BlockConfig.js';

const valid: BlockConfig = { kind: 'scmoe', dModel: 12, numHeads: 3, numExperts: 4 };

describe('resolveBlock', () => {
  it('taps its own input, through a norm of its own, and mixes as the paper does best', () => {
    const { moe, ffnBias } = resolveBlock(valid);
    expect(moe!.shortcut).toEqual({ position: 'pos1', norm: 'own', sharedNormOf: 'sharedExpert' });
    expect(moe).toMatchObject({ topK: 1, shared: { hidden: 48, mix: 'cg1' }, postNorm: false });
    expect(ffnBias).toBe(true);
    expect(resolveBlock({ ...valid, activation: 'swiglu' }).ffnBias).toBe(false);
    expect(resolveBlock({ ...valid, kind: 'standard' }).moe).toMatchObject({ topK: 2, shortcut: undefined });
    expect(resolveBlock({ ...valid, kind: 'dense' }).moe).toBeUndefined();
  });

  it('ignores options that its kind has no use for', () => {
    const options = { mix: 'cg2', shortcutNorm: 'none', sharedHidden: 7, numExperts: 4 } as const;
    expect(resolveBlock({ ...valid, ...options, kind: 'dense' }).moe).toBeUndefined();
    expect(resolveBlock({ ...valid, ...options, kind: 'dgmoe' }).moe!.shared).toBeUndefined();
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['an unknown kind', { kind: 'moe' }, /^kind: expected one of dense, standard, shared, scmoe, dgmoe, got "moe"$/],
    ['an unknown option', { postnorm: true }, /^block: unknown option postnorm = true; the options are .*postNorm/],
    ['the option of a pair', { position: 'pos2' }, /^block: unknown option position = "pos2"/],
    ["the paper's name for topK", { routedTopK: 2 }, /^block: unknown option routedTopK = 2; .* topK,/],
    ['an unknown option of rope', { rope: { style: 'half', base: 1 } }, /^rope: unknown option base = 1/],
    ['a norm that a block has not', { sharedNormOf: 'mlp' }, /^sharedNormOf: expected one of sharedExpert, got "mlp"$/],
    ['a bias that is no switch', { ffnBias: 1 }, /^ffnBias: expected true or false, got 1$/],
    ['a norm without size', { normEpsilon: 0 }, /^normEpsilon: expected a number > 0, got 0$/],
    ['too many choices', { topK: 5 }, /^topK: expected at most numExperts = 4, got 5$/],
    ['two choices of DGMoE', { kind: 'dgmoe', topK: 2 }, /^topK: expected 1 for DGMoE, which chooses twice, got 2$/],
    ['one expert for DGMoE', { kind: 'dgmoe', numExperts: 1 }, /^numExperts: expected at least 2 for DGMoE/],
    [
      'experts that choose what comes later',
      { routing: 'expertChoice', capacityFactor: 1 },
      /^routing: expected tokenChoice in a causal layer \('expertChoice' looks ahead\), got "expertChoice"$/,
    ],
    ['an infinite capacity', { capacityFactor: Infinity }, /^capacityFactor: expected a number >= 0, got Infinity$/],
  ])('rejects %s', (_, change, message) => {
    const resolve = () => resolveBlock({ ...valid, ...change });
    expect(resolve).toThrow(ArgumentError);
    expect(resolve).toThrow(message);
  });
});
