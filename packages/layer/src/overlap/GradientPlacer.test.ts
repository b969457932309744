import { init, type Communicator } from '@scmoe/comm';
import { mirrorPlan, networkGaps, overlappedPlan, stageGraph } from '@scmoe/scheduler';
import { randomNormal, useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { ExpertParallelDispatcher } from '../moe/ExpertParallelDispatcher.js';
import { overlapped } from '../plan/overlapped.js';
import { resolvePair } from '../stages/pair/PairConfig.js';
import { initializePair } from '../stages/pair/pairSpecs.js';
import { runPair } from '../stages/pair/runPair.js';
import { pairConfig } from '../testing/rankCases.js';
import { GradientPlacer, type GradientPlacing } from './GradientPlacer.js';

/** Two ranks that agree on everything, between which nothing takes time. */
const agreeing = {
  rank: 0,
  size: 2,
  barrier: () => ({ wait: () => undefined }),
  allReduce: () => ({ wait: () => undefined }),
  allGather: (own: Float32Array) => ({ done: Promise.resolve(Float32Array.of(...own, ...own)) }),
  broadcast: (data: Int32Array) => ({ done: Promise.resolve(data) }),
} as unknown as Communicator;

const graph = stageGraph('pos2');
const numStages = 3;
const costs = Object.fromEntries(graph.names.map((name) => [name, 1]));
const gaps = Array.from({ length: numStages }, () =>
  networkGaps(mirrorPlan(overlappedPlan(graph, { slot: 1 })), costs),
);

async function placed(mode: GradientPlacing, stepMs: readonly number[], found = gaps) {
  const placer = new GradientPlacer(mode, agreeing);
  placer.pacing.attach((parts) => parts);
  placer.pacing.averaged(numStages * 4000);
  const again: boolean[] = [];
  for (const ms of stepMs) again.push(await placer.measured(found, ms));
  return { placer, again };
}

describe('GradientPlacer', () => {
  beforeAll(() => useBackend('auto', { threads: 1 }));

  it('says why nothing is placed where that was asked for', async () => {
    const none = gaps.map(() => []);
    const reasons = [placed('on', []), placed('on', [10], none), placed('on', [10]), placed('auto', [10], none)];
    const reports = (await Promise.all(reasons)).map(({ placer }) => placer.report().whyNot);
    expect(reports).toEqual(['not measured', 'nothing fits', undefined, undefined]);
  });

  it('sends parts behind waits of the backward pass with no exchange under way, as many as are planned', async () => {
    const { placer } = await placed('on', [10]);
    expect(placer.isPlaced).toBe(true);
    const world = await init({ engine: 'self' });
    const events: string[] = [];
    const underWay = { number: 0 };
    const communicator = {
      ...{ rank: 0, size: 1, allToAll: world.allToAll.bind(world) },
      allToAllV: (...args: Parameters<Communicator['allToAllV']>) => {
        events.push('start');
        underWay.number++;
        const work = world.allToAllV(...args);
        const wait = () => {
          events.push('wait');
          underWay.number--;
          return work.wait();
        };
        return { wait };
      },
    } as unknown as Communicator;
    placer.pacing.attach((parts) => {
      events.push(`${parts} parts`);
      expect(underWay.number).toBe(0);
      return parts;
    });
    const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: pairConfig.numExperts! });
    const parameters = initializePair(pairConfig, { seed: 1 });
    const variables = Object.fromEntries(Object.entries(parameters).map(([name, x]) => [name, tf.variable(x)]));
    const { value, grads } = valueAndGrads(() => {
      let x = randomNormal([1, 5, pairConfig.dModel], { seed: 2 }) as tf.Tensor3D;
      for (let stage = 0; stage < numStages; stage++) {
        const observer = placer.observer(stage, undefined);
        // Nothing can wait yet where the backward pass begins.
        expect(observer === undefined).toBe(stage === numStages - 1);
        x = runPair(x, variables, resolvePair(pairConfig), { dispatcher, plan: overlapped(1), observer }).y;
      }
      return tf.sum(x);
    }, variables);
    tf.dispose([value, grads, parameters, variables]);
    await world.close();
    // Dispatch and combine of three stages there; back, a gap behind the combine and one behind the dispatch of each.
    expect(events.slice(0, 12).every((event) => !event.endsWith('parts'))).toBe(true);
    const back = events.slice(12);
    expect(back.filter((event) => !event.endsWith('parts'))).toEqual(
      Array.from({ length: numStages }, () => ['start', 'wait', 'start', 'wait']).flat(),
    );
    const numPlaced = back.filter((event) => event.endsWith('parts'));
    expect(numPlaced.length).toBeGreaterThan(0);
    back.forEach((event, i) => {
      if (event.endsWith('parts')) expect(back[i - 1]).toBe('wait');
    });
  });

  it('keeps what makes steps shorter, where it is to choose, and is settled then', async () => {
    const shorter = await placed('auto', [10, 9, 5]);
    expect([shorter.again, shorter.placer.isPlaced]).toEqual([[true, false, false], true]);
    expect(shorter.placer.report()).toMatchObject({ isPlaced: true, atOnceMs: 10, placedMs: 9 });
    const longer = await placed('auto', [10, 9.9]);
    expect([longer.again, longer.placer.isPlaced]).toEqual([[true, false], false]);
    const [on, off] = [await placed('on', [10, 20]), await placed('off', [10, 20])];
    expect([on.placer.isPlaced, off.placer.isPlaced]).toEqual([true, false]);
    on.placer.restart();
    expect(on.placer.isPlaced).toBe(false);
  });
});
