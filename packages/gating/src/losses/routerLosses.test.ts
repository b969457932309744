import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import {
  importanceLoss,
  loadBalanceLoss,
  loadLoss,
  resolveRouter,
  resolveRouterLosses,
  routerLosses,
  routeTokens,
  sequenceBalanceLoss,
  weightedRouterLosses,
  zLoss,
  type Routing,
} from '../index.js';
import { randomParameters } from '../testing/randomParameters.js';

const router = resolveRouter({ numExperts: 4, topK: 2, noisy: true });
const routingOf = (seed: number, training = true): Routing =>
  routeTokens(tf.randomNormal([6, 3], 0, 1, 'float32', seed), randomParameters(3, router), router, { training, seed });
const value = (scalar: tf.Scalar) => scalar.dataSync()[0]!;
const numSequences = 2;

const every = resolveRouterLosses({
  noisy: true,
  loadBalanceCoefficient: 0.5,
  sequenceBalanceCoefficient: 2,
  importanceCoefficient: 3,
  loadCoefficient: 4,
  zLossCoefficient: 5,
});

describe('routerLosses', () => {
  it('are the five losses, each summed over the routings', () => {
    const routings = [routingOf(1), routingOf(2)];
    const losses = routerLosses(routings, every, { numSequences });
    const values = Object.fromEntries(Object.entries(losses).map(([name, loss]) => [name, value(loss)]));
    const lossesOf: Record<string, (routing: Routing) => tf.Scalar> = {
      loadBalance: loadBalanceLoss,
      sequenceBalance: (routing) => sequenceBalanceLoss(routing, { numSequences }),
      importance: (routing) => importanceLoss(routing),
      load: loadLoss,
      zLoss: zLoss,
    };
    expect(Object.keys(values)).toEqual(Object.keys(lossesOf));
    for (const [name, lossOf] of Object.entries(lossesOf))
      expect(values[name]).toBeCloseTo(value(lossOf(routings[0]!)) + value(lossOf(routings[1]!)), 5);
    const { loadBalance, sequenceBalance, importance, load, zLoss: z } = values as Record<string, number>;
    const weighted = 0.5 * loadBalance! + 2 * sequenceBalance! + 3 * importance! + 4 * load! + 5 * z!;
    expect(value(weightedRouterLosses(losses, every)!)).toBeCloseTo(weighted, 3);
  });

  it('are those that have a coefficient, and the load loss only where noise was added', () => {
    const few = resolveRouterLosses({ noisy: true, zLossCoefficient: 1, loadCoefficient: 1 });
    expect(Object.keys(routerLosses([routingOf(1)], few, { numSequences }))).toEqual(['loadBalance', 'load', 'zLoss']);
    const inUse = routerLosses([routingOf(1, false)], few, { numSequences });
    expect(Object.keys(inUse)).toEqual(['loadBalance', 'zLoss']);
    expect(routerLosses([], few, { numSequences })).toEqual({});
    expect(weightedRouterLosses({}, few)).toBeUndefined();
  });

  it.each([
    [{ zLossCoefficient: -1 }, 'moe.zLossCoefficient: expected a number >= 0, got -1'],
    [{ loadBalanceCoefficient: NaN }, 'moe.loadBalanceCoefficient: expected a number >= 0, got NaN'],
    [{ loadCoefficient: 1 }, 'moe.loadCoefficient: expected 0 without noisy, got 1'],
  ])('refuse %j', (config, message) => {
    expect(() => resolveRouterLosses(config, { within: 'moe' })).toThrow(new ArgumentError(message));
  });
});
