import { jest } from '@jest/globals';
import { init, type Communicator } from '@scmoe/comm';
import { resolveRouter, routeTokens } from '@scmoe/gating';
import { randomNormal, useBackend } from '@scmoe/tensor';
import { sequentialPlan } from '@scmoe/scheduler';
import * as tf from '@tensorflow/tfjs';

import { resolveMoeLayer } from '../tfLayers/moeLayerOptions.js';
import { overlapped } from '../plan/overlapped.js';
import { layerCases, pairConfig, rankCases, runCase, runLayerCase } from '../testing/rankCases.js';
import { difference } from '../testing/difference.js';
import { expectSame, together, tolerance } from '../testing/sameOutcome.js';
import { ExpertParallelDispatcher } from './ExpertParallelDispatcher.js';

describe('ExpertParallelDispatcher', () => {
  beforeAll(async () => {
    await useBackend('auto', { threads: 1 });
  });
  const group = (rank: number, size: number) => ({ rank, size }) as Communicator;

  it('does for a world of one what the local dispatcher does', async () => {
    const communicator = await init({ engine: 'self' });
    for (const { config, choices, as } of Object.values(rankCases(2))) {
      const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: config.numExperts });
      const run = (use?: ExpertParallelDispatcher) => runCase({ config, choices: choices(2) }, { from: 0, to: 1 }, use);
      if (!as) expectSame(together([run(dispatcher)]), together([run()]), tolerance);
    }
    await communicator.close();
  });

  it('keeps apart what several layers have under way', async () => {
    const communicator = await init({ engine: 'self' });
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: 4 });
      const layers = [3, 5, 2].map((count, i) => {
        const tokens = randomNormal([count, 6], { seed: i }) as tf.Tensor2D;
        const router = resolveRouter({ numExperts: 4, capacityFactor: i === 1 ? 4 : 0 });
        const routing = routeTokens(tokens, { weight: randomNormal([6, 4], { seed: 9 }) }, router);
        return { tokens, routing };
      });
      const dispatched = layers.map(({ tokens, routing }) =>
        dispatcher.startDispatch(dispatcher.encode(tokens, routing), routing),
      );
      const batches = dispatched.toReversed().map((inFlight) => dispatcher.finishDispatch(inFlight));
      const combined = layers.map(({ routing }, i) => dispatcher.startCombine(batches.at(-1 - i)!.rows, routing));
      layers.forEach(({ tokens, routing }, i) => {
        // Experts that hand back what they got: each token comes back times its weight.
        const y = dispatcher.decode(dispatcher.finishCombine(combined[i]!), routing);
        const expected = tf.mul(tokens, routing.weights);
        expect(difference(y.dataSync(), expected.dataSync())).toBeLessThan(tolerance);
      });
    });
    expect(tf.memory().numTensors).toBe(before);
    await communicator.close();
  });

  it('lets a plan put its work between start and wait, forwards and, mirrored, backwards', async () => {
    const communicator = await init({ engine: 'self' });
    const events: ('start' | 'wait' | 'kernel')[] = [];
    const recorded = {
      rank: 0,
      size: 1,
      allToAllV: (...args: Parameters<Communicator['allToAllV']>) => {
        const work = communicator.allToAllV(...args);
        events.push('start');
        return { wait: () => (events.push('wait'), work.wait()) };
      },
    } as unknown as Communicator;
    const engine = tf.engine();
    const runKernel = engine.runKernel.bind(engine);
    const spy = jest.spyOn(engine, 'runKernel').mockImplementation((...args) => {
      events.push('kernel');
      return runKernel(...args);
    });

    /** Kernels that run while each exchange is under way: dispatch, combine, and the gradients of combine and dispatch. */
    const hiddenWork = (plan: NonNullable<Parameters<typeof runLayerCase>[2]>['plan']) => {
      events.length = 0;
      const dispatcher = new ExpertParallelDispatcher({ communicator: recorded, numExperts: 4 });
      runLayerCase({ pair: { ...pairConfig, capacityFactor: 1 } }, { from: 0, to: 2 }, { plan, dispatcher });
      const starts = events.flatMap((event, i) => (event === 'start' ? [i] : []));
      return starts.map((start) => events.indexOf('wait', start) - start - 1);
    };
    const [sequential, hidden] = [hiddenWork(sequentialPlan), hiddenWork(overlapped(2))];
    spy.mockRestore();
    await communicator.close();
    expect(sequential).toEqual([0, 0, 0, 0]);
    // Beside dispatch run an MLP and an attention, beside combine the shared expert: the least is its gradient's kernels.
    expect(hidden).toHaveLength(4);
    expect(Math.min(...hidden)).toBeGreaterThanOrEqual(4);
    expect(hidden[3]).toBeGreaterThan(hidden[2]!);
  });

  it('refuses fewer experts than ranks', () => {
    expect(() => new ExpertParallelDispatcher({ communicator: group(1, 4), numExperts: 3 })).toThrow(
      'numExperts: expected at least one for each of the 4 ranks that share the experts out, got 3',
    );
    expect(() => new ExpertParallelDispatcher({ communicator: group(0, 2), numExperts: 0 })).toThrow(
      'numExperts: expected a positive integer, got 0',
    );
  });

  it('refuses to cut the experts of a rank unevenly, by name of the option', async () => {
    const communicator = await init({ engine: 'self' });
    const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: 4 });
    for (const expertChunks of [3, 8, 0, 1.5]) {
      expect(() => runLayerCase({ pair: pairConfig }, { from: 0, to: 1 }, { dispatcher, expertChunks })).toThrow(
        `expertChunks: expected a divisor of the 4 experts of a rank (all on one rank), got ${expertChunks}`,
      );
    }
    const dual = layerCases['DGMoE pair']!;
    expect(() => runLayerCase(dual, { from: 0, to: 1 }, { expertChunks: 2 })).toThrow(
      'expertChunks: expected 1 for DGMoE, got 2',
    );
    await communicator.close();
  });

  it('refuses a routing over another number of experts, and one that it has not dispatched', () => {
    tf.tidy(() => {
      const dispatcher = new ExpertParallelDispatcher({ communicator: group(1, 2), numExperts: 8 });
      const routing = routeTokens(tf.ones([3, 4]), { weight: tf.ones([4, 6]) }, resolveRouter({ numExperts: 6 }));
      expect(() => dispatcher.startDispatch(tf.ones([3, 4]), routing)).toThrow(
        'dispatch on rank 1 of 2: expected a routing over 8 experts, as this dispatcher was made for, got one over 6',
      );
      expect(() => dispatcher.startCombine(tf.ones([3, 4]), routing)).toThrow(
        'combine on rank 1 of 2: this routing was not dispatched by this dispatcher',
      );
    });
  });

  it('leaves it to the layer to notice parameters of other experts', async () => {
    const communicator = await init({ engine: 'self' });
    const config = resolveMoeLayer({ numExperts: 8, expertHidden: 6 }, 1);
    const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: 8 });
    const place = { from: 0, to: 1, experts: { rank: 0, size: 2 } };
    expect(() => runCase({ config, choices: [[[0, 1]]] }, place, dispatcher)).toThrow(
      /w1: expected \(8, 8, 6\) for 8 experts/,
    );
    await communicator.close();
  });
});
