import { ConfigurationError } from '@scmoe/layer';

import { resolveGpt, type GptConfig } from './GptConfig.js';

const valid: GptConfig = { vocabSize: 50, numLayers: 4, dModel: 12, numHeads: 3, sequenceLength: 8 };

describe('resolveGpt', () => {
  it('makes top1 and top2 of standard pairs', () => {
    const topK = (kind: 'top1' | 'top2') => resolveGpt({ ...valid, moe: { kind, numExperts: 4 } }).pairs[1]!.moe!.topK;
    expect([topK('top1'), topK('top2')]).toEqual([1, 2]);
  });

  it('gives the first pair its own position', () => {
    const moe = { kind: 'scmoe', numExperts: 4, firstPosition: 'pos1' } as const;
    const positions = resolveGpt({ ...valid, moe }).pairs.map((pair) => pair.moe!.shortcut!.position);
    expect(positions).toEqual(['pos1', 'pos2']);
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
      { numHeads: 4, positions: 'rotary' },
      /^rope: expected an even head size .*, got 3$/,
    ],
    ['unknown positions', { positions: 'alibi' }, /^positions: expected one of learned, rotary, got "alibi"$/],
    ['an unknown kind', { moe: { kind: 'dgmoe' } }, /^moe.kind: expected one of dense, top1, .*, scmoe, got "dgmoe"$/],
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
      'a negative coefficient',
      { moe: { kind: 'top1', numExperts: 4, auxiliaryLossCoefficient: -1 } },
      /^moe.auxiliaryLossCoefficient: expected a number >= 0, got -1$/,
    ],
  ])('rejects %s', (_, change, message) => {
    const resolve = () => resolveGpt({ ...valid, ...change });
    expect(resolve).toThrow(ConfigurationError);
    expect(resolve).toThrow(message);
  });
});
