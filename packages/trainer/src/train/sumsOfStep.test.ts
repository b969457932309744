import {
  resolveRouter,
  resolveRouterLosses,
  routerLosses,
  routerSpecs,
  routeTokens,
  weightedRouterLosses,
  type RouterLossName,
} from '@scmoe/gating';
import { randomNormal } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { describeRanks, withRanks } from '../testing/openRanks.js';
import type { Optimizer } from '../optimizer/Optimizer.js';
import type { RankGroups } from '../parallel/RankGroups.js';
import { train, type StepRecord } from './train.js';
import type { Trainable } from './Trainable.js';

const width = 5;
/** Tokens of a micro-batch: two sequences of six. */
const numTokens = 12;
const numMicroBatches = 4;
const router = resolveRouter({ numExperts: 4, topK: 2, noisy: true });

type Tokens = { x: tf.Tensor2D; noise: tf.Tensor2D };

/** The tokens of micro-batches `first` to `first + count - 1`, with the noise of their logits. */
function tokensOf(first: number, count: number): Tokens {
  return tf.tidy(() => {
    const shape = (size: number): [number, number] => [count * numTokens, size];
    const offset = (size: number) => first * numTokens * size;
    const x = tf.add<tf.Tensor2D>(randomNormal(shape(width), { seed: 3, offset: offset(width) }), 0.5);
    return { x, noise: randomNormal(shape(4), { seed: 5, offset: offset(4) }) as tf.Tensor2D };
  });
}

/** A router that is trained on one of its losses alone. */
function routerModel(name: RouterLossName): Trainable<Tokens> {
  const coefficients = resolveRouterLosses({ noisy: true, loadBalanceCoefficient: 0, [`${name}Coefficient`]: 1 });
  const variables = Object.fromEntries(
    Object.entries(routerSpecs(width, router)).map(([parameter, { shape }], i) => [
      parameter,
      tf.tidy(() => tf.variable(randomNormal(shape, { seed: 11 + i }))),
    ]),
  );
  return {
    variables,
    loss: ({ x, noise }, { whole }) => {
      const routing = routeTokens(x, variables, router, { noise });
      const losses = routerLosses([routing], coefficients, { numSequences: x.shape[0] / 6, whole });
      return { loss: weightedRouterLosses(losses, coefficients)!, metrics: {} };
    },
  };
}

/** Loss and gradients of one step. */
async function stepOf(
  name: RouterLossName,
  {
    accumulate,
    perBatch = 1,
    groups,
    lossesOver,
  }: {
    accumulate: number;
    perBatch?: number;
    groups?: RankGroups;
    lossesOver?: 'microBatch' | 'step';
  },
) {
  const model = routerModel(name);
  const grads: Record<string, number[]> = {};
  const optimizer: Optimizer = {
    name: 'none',
    stepCount: 0,
    step: (_, gradients) => {
      for (const [parameter, gradient] of Object.entries(gradients)) grads[parameter] = [...gradient.dataSync()];
    },
    state: () => ({}),
    loadState: () => undefined,
  };
  let record: StepRecord | undefined;
  const drawBatch = (index: number) => tokensOf(index * perBatch, perBatch);
  await train({
    model,
    optimizer,
    drawBatch,
    learningRate: () => 0,
    steps: 1,
    accumulate,
    groups,
    lossesOver,
    clip: 0,
    onStep: (each) => void (record = each),
  });
  tf.dispose(model.variables);
  return { loss: record!.loss, grads };
}

type Step = Awaited<ReturnType<typeof stepOf>>;

function expectSame(actual: Step, expected: Step) {
  expect(actual.loss).toBeCloseTo(expected.loss, 4);
  for (const [parameter, gradient] of Object.entries(expected.grads)) {
    expect(gradient.some((value) => Math.abs(value) > 1e-4)).toBe(true);
    const apart = gradient.map((value, i) => Math.abs(value - actual.grads[parameter]![i]!));
    expect([parameter, Math.max(...apart)]).toEqual([parameter, expect.closeTo(0, 5)]);
  }
}

const names: RouterLossName[] = ['loadBalance', 'sequenceBalance', 'importance', 'load', 'zLoss'];
/** Those of which the mean over micro-batches is something else than the loss of all tokens. */
const nonLinear = names.filter((name) => name !== 'zLoss' && name !== 'sequenceBalance');
const batch = (name: RouterLossName) => stepOf(name, { accumulate: 1, perBatch: numMicroBatches });

describe('train with losses over the step', () => {
  it.each(names)('gives four micro-batches the loss of one batch: %s', async (name) => {
    const before = tf.memory().numTensors;
    expectSame(await stepOf(name, { accumulate: numMicroBatches, lossesOver: 'step' }), await batch(name));
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(nonLinear)('which micro-batches each for itself do not have: %s', async (name) => {
    const [apart, together] = [await stepOf(name, { accumulate: numMicroBatches }), await batch(name)];
    expect(Math.abs(apart.loss - together.loss)).toBeGreaterThan(1e-3);
  });
});

describeRanks('train with losses over the step, on ranks', () => {
  it.each(names)('gives two micro-batches on each of two ranks the loss of one batch: %s', async (name) => {
    const steps = await withRanks(2, {
      expertParallel: 1,
      use: (ranks) =>
        Promise.all(ranks.map((groups) => stepOf(name, { accumulate: numMicroBatches, groups, lossesOver: 'step' }))),
    });
    const expected = await batch(name);
    for (const step of steps) expectSame(step, expected);
  });
});
