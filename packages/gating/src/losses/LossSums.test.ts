import { availableBackends } from '@scmoe/testing';
import { randomNormal, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import {
  isRouterBuffer,
  resolveRouter,
  resolveRouterLosses,
  routerLosses,
  routeTokens,
  type RouterConfig,
  type RouterLossContext,
  type RouterLossName,
} from '../index.js';
import { randomParameters } from '../testing/randomParameters.js';

const width = 5;
const numMicroBatches = 4;
/** Tokens of a micro-batch: two sequences of six. */
const each = 12;
const numTokens = numMicroBatches * each;

const coefficients = resolveRouterLosses({ noisy: true });
const cases: [RouterLossName, Partial<RouterConfig>, Partial<RouterLossContext>][] = [
  ['loadBalance', { topK: 1 }, {}],
  ['loadBalance', { topK: 2, scoreFunction: 'sigmoid', numZeroExperts: 1 }, {}],
  ['loadBalance', { topK: 2 }, { balance: 'allLayers' }],
  ['loadBalance', { topK: 2, scoreFunction: 'sigmoid' }, { balance: 'allLayersByLogits' }],
  ['sequenceBalance', { topK: 2 }, {}],
  ['importance', { topK: 2 }, {}],
  ['load', { topK: 2, noisy: true }, {}],
  ['zLoss', { topK: 1 }, {}],
];

describe.each(availableBackends())('router losses of a whole batch on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  // With a mask the micro-batches have different numbers of tokens, the last one none.
  const isToken = Array.from({ length: numTokens }, (_, t) => Number(t < 3 * each && (t < each || t % 3 !== 0)));

  it.each(cases.flatMap((one) => [false, true].map((masked) => [...one, masked] as const)))(
    'are those of one batch, %s, in value and gradient: %j, %j, padded %j',
    (name, config, options, masked) => {
      const router = resolveRouter({ numExperts: 4, ...config });
      const values = randomParameters(width, router);
      const trained = Object.entries(values).filter(([parameter]) => !isRouterBuffer(parameter));
      const variables = Object.fromEntries(trained.map(([parameter, value]) => [parameter, tf.variable(value)]));
      const x = tf.add<tf.Tensor2D>(randomNormal([numTokens, width], { seed: 3 }), 0.5);
      const noise = randomNormal([numTokens, 4 + router.numZeroExperts], { seed: 5 }) as tf.Tensor2D;
      const mask = tf.tensor1d(isToken, 'bool');
      const only = [name];
      const lossOf = (begin: number, count: number, whole?: RouterLossContext['whole']) => {
        const cut = <T extends tf.Tensor>(all: T) => tf.slice(all, begin, count);
        const routing = routeTokens(cut(x), { ...values, ...variables }, router, {
          ...(router.noisy && { noise: cut(noise) }),
          ...(masked && { mask: cut(mask) }),
        });
        // Two layers, so that their sums are told apart.
        const other = { ...routing, scores: tf.square<tf.Tensor2D>(routing.scores) };
        const context = { numSequences: (2 * count) / each, ...options, names: only, whole };
        return routerLosses([routing, other], coefficients, context)[only[0]!]!;
      };
      const expected = valueAndGrads(() => lossOf(0, numTokens), variables, { allowUnused: true });

      const starts = Array.from({ length: numMicroBatches }, (_, i) => i * each);
      let total: tf.Tensor1D | undefined;
      const add = (own: tf.Tensor1D) => {
        total = tf.keep(total ? tf.add(total, own) : tf.clone(own));
        return own;
      };
      for (const start of starts) tf.tidy(() => void lossOf(start, each, { numMicroBatches, total: add }));
      const parts = starts.map((start) =>
        valueAndGrads(() => lossOf(start, each, { numMicroBatches, total: () => tf.clone(total!) }), variables, {
          allowUnused: true,
        }),
      );
      const value = expected.value.dataSync()[0]!;
      for (const part of parts) expect(part.value.dataSync()[0]).toBeCloseTo(value, 4);
      for (const [parameter, gradient] of Object.entries(expected.grads)) {
        const mean = tf.div(tf.addN(parts.map(({ grads }) => grads[parameter]!)), numMicroBatches);
        const apart = tf.max(tf.abs(tf.sub(mean, gradient))).dataSync()[0]!;
        expect([parameter, apart]).toEqual([parameter, expect.closeTo(0, 5)]);
      }
      // Not what the micro-batches give alone, of losses that are not linear; else nothing was put together.
      if (name === 'zLoss' || name === 'sequenceBalance') return;
      const alone = starts.map((start) => lossOf(start, each).dataSync()[0]!);
      const meanAlone = alone.reduce((sum, one) => sum + one, 0) / numMicroBatches;
      expect(Math.abs(meanAlone - value)).toBeGreaterThan(1e-3);
    },
  );
});
