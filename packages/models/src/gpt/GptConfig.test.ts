import { ArgumentError } from '@scmoe/errors';

import { resolveGpt, type GptConfig } from './GptConfig.js';

const valid: GptConfig = { vocabSize: 50, numLayers: 4, dModel: 12, numHeads: 3, sequenceLength: 8 };

describe('resolveGpt', () => {
  it('makes top1 and top2 of standard pairs', () => {
    const topK = (kind: 'top1' | 'top2') =>
      resolveGpt({ ...valid, moe: { kind, numExperts: 4 } }).stages[1]!.config.moe!.topK;
    expect([topK('top1'), topK('top2')]).toEqual([1, 2]);
  });

  it('gives the first pair its own position', () => {
    const moe = { kind: 'scmoe', numExperts: 4, firstPosition: 'pos1' } as const;
    const positions = resolveGpt({ ...valid, moe }).stages.map(({ config }) => config.moe!.shortcut!.position);
    expect(positions).toEqual(['pos1', 'pos2']);
  });

  it('gives experts to the blocks that are named, or to all that can have them', () => {
    const withExperts = (change: Partial<GptConfig>, blocks?: number[]) =>
      resolveGpt({ ...valid, ...change, moe: { kind: 'top2', numExperts: 4, blocks } }).stages.map(
        ({ kind, config }) => `${kind} ${config.kind}`,
      );
    expect(withExperts({})).toEqual(['pair standard', 'pair standard']);
    expect(withExperts({}, [3])).toEqual(['pair dense', 'pair standard']);
    expect(withExperts({ placement: 'every', numLayers: 3 })).toEqual(Array(3).fill('block standard'));
    expect(withExperts({ placement: 'every', numLayers: 3 }, [1])).toEqual([
      'block dense',
      'block standard',
      'block dense',
    ]);
  });

  it.each<[string, object, RegExp]>([
    [
      'an odd number of layers',
      { numLayers: 3 },
      /^numLayers: expected an even number \(blocks come in pairs\), got 3$/,
    ],
    ['no vocabulary', { vocabSize: 0 }, /^vocabSize: expected a positive integer, got 0$/],
    ['no sequence', { sequenceLength: -1 }, /^sequenceLength: expected a positive integer, got -1$/],
    ['heads that do not divide dModel', { numHeads: 5 }, /^numHeads: expected a divisor of dModel = 12, got 5$/],
    [
      'rotary positions with an odd head size',
      { numHeads: 4, positionEncoding: 'rotary' },
      /^rope: expected an even head size .*, got 3$/,
    ],
    [
      'an unknown position encoding',
      { positionEncoding: 'alibi' },
      /^positionEncoding: expected one of learned, rotary, got "alibi"$/,
    ],
    ['an unknown kind', { moe: { kind: 'top9' } }, /^moe.kind: expected one of dense, .*, top2, farskip, got "top9"$/],
    [
      'more choices than experts',
      { moe: { kind: 'scmoe', numExperts: 2, topK: 3 } },
      /^topK: expected at most numExperts = 2, got 3$/,
    ],
    ['no experts', { moe: { kind: 'shared' } }, /^numExperts: expected a number of experts for kind 'shared'/],
    [
      'two opinions on topK',
      { moe: { kind: 'top2', numExperts: 4, topK: 1 } },
      /^moe.topK of 'top2': expected 2, got 1$/,
    ],
    [
      'experts in the first block of a pair',
      { moe: { kind: 'top1', numExperts: 4, blocks: [1, 2] } },
      /^moe.blocks: expected odd numbers below 4 \(in pairs the second block\), got 2$/,
    ],
    [
      'experts in a block that there is not',
      { placement: 'every', moe: { kind: 'top1', numExperts: 4, blocks: [4] } },
      /^moe.blocks: expected blocks from 0 to 3, got 4$/,
    ],
    [
      'a tap outside the block',
      { placement: 'every', moe: { kind: 'scmoe', numExperts: 4, position: 'pos2' } },
      /^moe.position: expected pos1 with placement 'every', got "pos2"$/,
    ],
    ['an unknown placement', { placement: 'some' }, /^placement: expected one of pairs, every, got "some"$/],
    [
      'a router that looks ahead',
      { moe: { kind: 'top1', numExperts: 4, capacityFactor: 1, routing: 'expertChoice' } },
      /^moe.routing: expected tokenChoice .* later tokens\), got "expertChoice"$/,
    ],
    ['an unknown balance', { moe: { kind: 'top1', numExperts: 4, balance: 'all' } }, /^moe.balance: expected one of/],
    [
      'an option that there is not',
      { moe: { kind: 'top1', numExperts: 4, numExpert: 4 } },
      /unknown option numExpert = 4; the options are/,
    ],
    [
      'a negative z-loss',
      { moe: { kind: 'top1', numExperts: 4, zLossCoefficient: -1 } },
      /^moe.zLossCoefficient: expected a number >= 0, got -1$/,
    ],
    [
      'a negative coefficient',
      { moe: { kind: 'top1', numExperts: 4, loadBalanceCoefficient: -1 } },
      /^moe.loadBalanceCoefficient: expected a number >= 0, got -1$/,
    ],
  ])('rejects %s', (_, change, message) => {
    const resolve = () => resolveGpt({ ...valid, ...change });
    expect(resolve).toThrow(ArgumentError);
    expect(resolve).toThrow(message);
  });
});
