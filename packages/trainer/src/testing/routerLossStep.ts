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

import type { Optimizer } from '../optimizer/Optimizer.js';
import type { RankGroups } from '../parallel/RankGroups.js';
import { train, type StepRecord } from '../train/train.js';
import type { Trainable } from '../train/Trainable.js';

/** The losses of routers. */
export const routerLossNames: readonly RouterLossName[] = [
  'loadBalance',
  'sequenceBalance',
  'importance',
  'load',
  'zLoss',
];

const width = 5;
/** Tokens of a micro-batch: two sequences of six. */
const numTokens = 12;
/** Micro-batches that are the whole batch. */
export const numMicroBatches = 4;
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

/** Loss and gradients of a step of a router that is trained on one of its losses alone, and how often the loss was asked for. */
export async function routerLossStep(
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
  const loss = model.loss.bind(model);
  let passes = 0;
  model.loss = (...of) => {
    passes++;
    return loss(...of);
  };
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
  return { loss: record!.loss, grads, passes };
}
