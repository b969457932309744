import { ArgumentError } from '@scmoe/errors';

import { resolveRouter, type RouterConfig } from '../index.js';

const valid: RouterConfig = { numExperts: 8 };

describe('resolveRouter', () => {
  it('fills in the defaults', () => {
    expect(resolveRouter(valid)).toEqual({
      numExperts: 8,
      topK: 1,
      scoreFunction: 'softmax',
      normalizeWeights: false,
      routedScalingFactor: 1,
      capacityFactor: 0,
      minCapacity: 1,
      dropPolicy: 'position',
      capacityOrder: 'choice',
      logits: 'linear',
      cosineWidth: 256,
      logitBias: false,
      logitSoftCap: 0,
      noisy: false,
      jitter: 0,
      jitterExperts: false,
      correctionBias: false,
      numGroups: 1,
      topKGroups: 1,
      groupScore: 'max',
      numZeroExperts: 0,
      scaleZeroExperts: true,
      forcedBalance: false,
      routing: 'tokenChoice',
    });
  });

  it('normalises the weights of several experts, and not those of one or of experts that choose', () => {
    expect(resolveRouter(valid, { topK: 2 })).toMatchObject({ topK: 2, normalizeWeights: true });
    expect(resolveRouter({ ...valid, topK: 1 }, { topK: 2 })).toMatchObject({ topK: 1, normalizeWeights: false });
    const chosen = resolveRouter({ ...valid, topK: 2, routing: 'expertChoice', capacityFactor: 1 });
    expect(chosen.normalizeWeights).toBe(false);
  });

  it('leaves a resolved router, and its JSON, as it is', () => {
    const router = resolveRouter({ ...valid, topK: 3, numGroups: 4, topKGroups: 2, scoreFunction: 'sigmoid' });
    expect(resolveRouter(router)).toEqual(router);
    expect(resolveRouter(JSON.parse(JSON.stringify(router)) as RouterConfig)).toEqual(router);
  });

  const groups = { numGroups: 4, topKGroups: 2 };
  const byExperts = { routing: 'expertChoice', capacityFactor: 1 };
  it.each<[Record<string, unknown>, string]>([
    [{ numExperts: 0 }, 'numExperts: expected a positive integer, got 0'],
    [{ numExperts: undefined }, 'numExperts: expected a positive integer, got undefined'],
    [{ numExperts: '8' }, 'numExperts: expected a positive integer, got "8"'],
    [{ topK: 0 }, 'topK: expected a positive integer, got 0'],
    [{ topK: 1.5 }, 'topK: expected a positive integer, got 1.5'],
    [{ topK: 9 }, 'topK: expected at most numExperts = 8, got 9'],
    [{ topK: 11, numZeroExperts: 2 }, 'topK: expected at most numExperts + numZeroExperts = 10, got 11'],
    [{ numZeroExperts: -1 }, 'numZeroExperts: expected an integer >= 0, got -1'],
    [{ scoreFunction: 'tanh' }, 'scoreFunction: expected one of softmax, sigmoid, got "tanh"'],
    [{ normalizeWeights: 'false' }, 'normalizeWeights: expected true or false, got "false"'],
    [{ routedScalingFactor: 0 }, 'routedScalingFactor: expected a number > 0, got 0'],
    [{ routedScalingFactor: Infinity }, 'routedScalingFactor: expected a number > 0, got Infinity'],
    [{ capacityFactor: -1 }, 'capacityFactor: expected a number >= 0, got -1'],
    [{ capacityFactor: NaN }, 'capacityFactor: expected a number >= 0, got NaN'],
    [{ minCapacity: 1.5 }, 'minCapacity: expected an integer >= 0, got 1.5'],
    [{ dropPolicy: 'random' }, 'dropPolicy: expected one of position, probability, got "random"'],
    [{ capacityOrder: 'expert' }, 'capacityOrder: expected one of choice, token, got "expert"'],
    [{ logits: 'mlp' }, 'logits: expected one of linear, cosine, got "mlp"'],
    [{ logits: 'cosine', cosineWidth: 0 }, 'cosineWidth: expected a positive integer, got 0'],
    [{ logits: 'cosine', logitBias: true }, "logitBias: expected false with logits 'cosine', got true"],
    [{ logitSoftCap: -1 }, 'logitSoftCap: expected a number >= 0, got -1'],
    [{ noisy: 1 }, 'noisy: expected true or false, got 1'],
    [{ jitter: 1 }, 'jitter: expected a number in [0, 1), got 1'],
    [{ jitter: -0.1 }, 'jitter: expected a number in [0, 1), got -0.1'],
    [{ jitter: [0.1] }, 'jitter: expected a number in [0, 1), got [0.1]'],
    [{ correctionBias: [0, 0] }, 'correctionBias: expected true or false, got [0,0]'],
    [{ numGroups: 3, topKGroups: 1 }, 'numGroups: expected a divisor of numExperts = 8, got 3'],
    [{ numGroups: 0 }, 'numGroups: expected a positive integer, got 0'],
    [{ numGroups: 4 }, 'topKGroups: expected an integer from 1 to numGroups = 4, got undefined'],
    [{ numGroups: 4, topKGroups: 5 }, 'topKGroups: expected an integer from 1 to numGroups = 4, got 5'],
    [{ topKGroups: 2 }, 'topKGroups: expected an integer from 1 to numGroups = 1, got 2'],
    [{ ...groups, topKGroups: 0 }, 'topKGroups: expected a positive integer, got 0'],
    [{ ...groups, topK: 5 }, 'topK: expected at most the 4 experts of topKGroups groups, got 5'],
    [{ ...groups, groupScore: 'mean' }, 'groupScore: expected one of max, top2sum, got "mean"'],
    [{ ...groups, numZeroExperts: 2 }, 'numZeroExperts: expected 0 with numGroups = 4, got 2'],
    [
      { numGroups: 8, topKGroups: 2, groupScore: 'top2sum' },
      'groupScore: expected max for groups of one expert (numGroups = numExperts = 8), got "top2sum"',
    ],
    [{ scaleZeroExperts: 0 }, 'scaleZeroExperts: expected true or false, got 0'],
    [{ forcedBalance: 'yes' }, 'forcedBalance: expected true or false, got "yes"'],
    [
      { forcedBalance: true, topK: 9, numZeroExperts: 2 },
      'topK: expected at most numExperts = 8 with forcedBalance, got 9',
    ],
    [{ routing: 'random' }, 'routing: expected one of tokenChoice, expertChoice, got "random"'],
    [{ routing: 'expertChoice' }, "capacityFactor: expected a number > 0 with routing 'expertChoice', got 0"],
    [
      { ...byExperts, normalizeWeights: true },
      "normalizeWeights: expected false with routing 'expertChoice', got true",
    ],
    [{ ...byExperts, correctionBias: true }, "correctionBias: expected false with routing 'expertChoice', got true"],
    [{ ...byExperts, forcedBalance: true }, "forcedBalance: expected false with routing 'expertChoice', got true"],
    [{ ...byExperts, ...groups }, "numGroups: expected 1 with routing 'expertChoice', got 4"],
    [{ ...byExperts, numZeroExperts: 2 }, "numZeroExperts: expected 0 with routing 'expertChoice', got 2"],
  ])('refuses %j', (change, message) => {
    const resolve = () => resolveRouter({ ...valid, ...change });
    expect(resolve).toThrow(ArgumentError);
    expect(resolve).toThrow(new ArgumentError(message));
  });
});
