import type { Step } from '@scmoe/scheduler';
import { init } from '@scmoe/comm';
import { randomNormal, recomputed, useBackend, valueAndGrads, withStaticShapes } from '@scmoe/tensor';
import { availableBackends } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { ExpertParallelDispatcher } from './ExpertParallelDispatcher.js';
import { overlapped } from '../plan/overlapped.js';
import { resolvePair } from '../stages/pair/PairConfig.js';
import { initializePair } from '../stages/pair/pairSpecs.js';
import { runPair } from '../stages/pair/runPair.js';
import { expertChunkCases, pairConfig, runLayerCase, type LayerCase } from '../testing/rankCases.js';

const place = { from: 0, to: 2 };
const cuts = [
  [1, 1],
  [1, 4],
  [3, 1],
  [2, 8],
] as const;

describe.each(availableBackends())('a backward pass in parts of its own on %s', (backend) => {
  beforeAll(async () => {
    if (backend === 'cpu') await tf.setBackend('cpu');
    else await useBackend('auto', { threads: 1 });
  });

  // Elsewhere all is the same but what is composed.
  const cases = Object.entries(expertChunkCases).filter(([name]) => backend !== 'cpu' || name.startsWith('zero'));
  it.each(cases)('has the bits of its parts, whatever those of the forward pass: %s', (_, layer) => {
    const plan = overlapped(1);
    const own = backend === 'cpu' ? cuts.slice(2) : cuts;
    for (const [backwardChunks, backwardExpertChunks] of own) {
      const alike = { chunks: backwardChunks, expertChunks: backwardExpertChunks };
      const expected = runLayerCase(layer, place, { plan, ...alike });
      for (const [chunks, expertChunks] of own) {
        const parts = { chunks, expertChunks, backwardChunks, backwardExpertChunks };
        const { values, tensorsLeft } = runLayerCase(layer, place, { plan, ...parts, recompute: chunks === 2 });
        expect([parts, values, tensorsLeft]).toEqual([parts, expected.values, 0]);
      }
    }
  });
});

describe('the steps of a backward pass in parts of its own', () => {
  it('stand where a plan in these parts has them', () => {
    const stepsOf = (parts: object) => {
      const steps: string[] = [];
      const hear = ({ action, operator }: Step, phase: string) => {
        const own = `${action} ${operator}`;
        if (phase === 'backward' && steps.at(-1) !== own) steps.push(own);
      };
      const layer = { pair: { ...pairConfig, numExperts: 8 } };
      runLayerCase(layer, place, { plan: overlapped(1), ...parts, observer: { begin: hear, end: () => undefined } });
      return steps;
    };
    const expected = stepsOf({ chunks: 2, expertChunks: 2 });
    expect(expected.filter((step) => step.startsWith('start'))).toHaveLength(8);
    const apart = stepsOf({ backwardChunks: 2, backwardExpertChunks: 2 });
    // A step through which a ticket passes alone takes no time: the forward pass's expert, and encode before the waits.
    expect(apart.filter((step, i) => expected.includes(step) && !isPassed(apart, i))).toEqual(expected);
  });
});

const isPassed = (steps: string[], i: number) => steps[i] === 'run encode' && steps.indexOf('run encode', i + 1) > 0;

describe('a stage that is computed twice as a whole', () => {
  it.each([true, false])('has the same gradients, whether exchanges are kept or not: %s', async (keepsLarge) => {
    await useBackend('auto', { threads: 1 });
    const communicator = await init({ engine: 'self' });
    const config = { ...pairConfig, numExperts: 8 };
    const parameters = initializePair(config, { seed: 3, standardDeviation: 0.4 });
    const variables = Object.fromEntries(Object.entries(parameters).map(([name, x]) => [name, tf.variable(x)]));
    const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: 8 });
    const parts = { expertChunks: 2, backwardChunks: 2, backwardExpertChunks: 4 };
    const gradientsOf = (twice: boolean) => {
      const pass = ({ x }: { x: tf.Tensor3D }) => runPair(x, variables, resolvePair(config), { dispatcher, ...parts });
      const { value, grads } = valueAndGrads(() => {
        const x = randomNormal([2, 5, config.dModel], { seed: 4 }) as tf.Tensor3D;
        const { y } = twice ? recomputed({ x }, pass, { keepLarge: () => keepsLarge }) : pass({ x });
        return tf.sum(tf.square(y));
      }, variables);
      const numbers = Object.entries(grads).map(([name, grad]) => [name, [...grad.dataSync()]]);
      tf.dispose([value, grads]);
      return numbers;
    };
    const before = tf.memory().numTensors;
    const [once, twice] = [gradientsOf(false), gradientsOf(true)];
    expect(twice).toEqual(once);
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([parameters, variables]);
    await communicator.close();
  });
});

describe('parts of the backward pass alone', () => {
  const run = (layer: LayerCase, options: Parameters<typeof runLayerCase>[2]) => () =>
    runLayerCase(layer, place, options);
  const pair = { pair: { ...pairConfig, numExperts: 8 } };

  it.each<[LayerCase, Parameters<typeof runLayerCase>[2], string]>([
    [
      { pair: { ...pairConfig, kind: 'dgmoe', topK: 1 } },
      { backwardChunks: 2 },
      'backwardChunks: expected 1, as forward, for DGMoE, got 2',
    ],
    [pair, { backwardChunks: 0 }, 'backwardChunks: expected a positive integer, got 0'],
    [pair, { backwardExpertChunks: 3 }, 'backwardExpertChunks: expected a divisor of the 8 experts of a rank'],
    [
      pair,
      { split: 'batch', chunks: 2, backwardChunks: 3 },
      'backwardChunks: expected 2, as forward, on halves, got 3',
    ],
    [
      pair,
      { split: 'batch', backwardExpertChunks: 2 },
      'backwardExpertChunks: expected 1, as forward, on halves, got 2',
    ],
  ])('are refused by name: %#', (layer, options, message) => {
    expect(run(layer, options)).toThrow(message);
  });

  it('are refused where shapes are fixed', () => {
    expect(() => withStaticShapes(run(pair, { backwardExpertChunks: 2 }))).toThrow(
      'backwardExpertChunks: expected 1, as forward, in a step of fixed shapes, as compiled steps are, got 2',
    );
  });
});
