import { join } from 'node:path';

import { jest } from '@jest/globals';
import { init, type Communicator } from '@scmoe/comm';
import { resolveRouter, routeTokens } from '@scmoe/gating';
import { randomNormal, useBackend } from '@scmoe/tensor';
import { sequentialPlan } from '@scmoe/scheduler';
import * as tf from '@tensorflow/tfjs';

import { resolveMoeLayer } from '../tfLayers/moeLayerOptions.js';
import { overlapped } from '../plan/overlapped.js';
import { availableBackends } from '@scmoe/testing';
import {
  comparedBackends,
  divisorsOf,
  expertChunkCases,
  layerCases,
  pairConfig,
  rankCases,
  runCase,
  runLayerCase,
  type RankOutcome,
} from '../testing/rankCases.js';
import { difference, largestOf } from '../testing/difference.js';
import { faultOf } from '../testing/randomPlans.js';
import type { RankReport } from '../testing/rankProgram.js';
import { describeRanks, runRanks } from '../testing/ranks.js';
import { ExpertParallelDispatcher } from './ExpertParallelDispatcher.js';
import { isExpertParameter } from './expertShard.js';

/**
 * Largest allowed difference, in units of a tensor's largest magnitude. A row goes through the same products wherever it
 * is computed, but several ranks add up the tokens of a weight gradient in another order, and products over other row
 * counts may be blocked otherwise: a few units of the 24-bit mantissa. A row that goes astray is off by 0.1 or more.
 */
const tolerance = 2e-6;
/** bf16 has 8 bits of mantissa, and rows are rounded on each of two ways. */
const bf16Tolerance = 3e-2;

type Numbers = RankOutcome['values'][string];

const numbersOf = (values: RankOutcome['values']) =>
  Object.fromEntries(Object.entries(values).map(([name, { data }]) => [name, Array.from(data)]));
const joined = (parts: Numbers[]) => parts.flatMap(({ data }) => [...data]);
const summed = (parts: Numbers[]) =>
  [...parts[0]!.data].map((_, i) => parts.reduce((sum, { data }) => sum + data[i]!, 0));

/** Puts together what the ranks have: tokens and experts stand one after the other, other gradients add up. */
function together(outcomes: RankOutcome[], { expertsAreShared = true } = {}): Record<string, number[]> {
  return Object.fromEntries(
    Object.keys(outcomes[0]!.values).map((name) => {
      const parts = outcomes.map(({ values }) => values[name]!);
      const stacked = name === 'y' || name === 'grad x' || (expertsAreShared && isExpertParameter(name.slice(5)));
      return [name, stacked ? joined(parts) : summed(parts)];
    }),
  );
}

function expectSame(actual: Record<string, number[]>, expected: Record<string, number[]>, allowed: number): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  // A key bias has no influence on attention: its gradient is rounding alone, and small beside the others.
  const scale = Math.max(...Object.values(expected).map(largestOf)) || 1;
  for (const [name, numbers] of Object.entries(actual)) {
    const off = difference(numbers, expected[name]!, scale);
    if (!(off <= allowed)) throw new Error(`'${name}' is off by ${off}`);
  }
}

const program = join(import.meta.dirname, '..', 'testing', 'rankProgram.ts');

describeRanks('experts shared out over ranks', () => {
  describe.each([2, 4])('%i ranks', (ranks) => {
    let reports: RankReport[];
    beforeAll(async () => {
      reports = await runRanks<RankReport>(program, ranks);
    });

    describe.each(comparedBackends(ranks))('on %s', (backend) => {
      beforeAll(async () => {
        if (backend === 'cpu') await tf.setBackend('cpu');
        else await useBackend('auto', { threads: 1 });
      });

      it.each(Object.entries(rankCases(ranks)))('give what one rank with all experts gives: %s', (name, rankCase) => {
        const outcomes = reports.map(({ cases }) => cases[backend]![name]!);
        const choices = rankCase.choices(ranks);
        const { config, as } = rankCase;
        const masks = rankCase.masks?.(ranks);
        const local = (from: number, to: number) => runCase({ config, choices, masks }, { from, to });
        // With a capacity, what is dropped depends on the tokens of a rank: one rank sees them rank by rank as well.
        const expected =
          config.capacityFactor > 0
            ? together(
                choices.map((_, rank) => local(rank, rank + 1)),
                { expertsAreShared: false },
              )
            : together([local(0, ranks)]);
        const actual = together(outcomes);
        expectSame(actual, expected, as ? bf16Tolerance : tolerance);
        if (as) expect(difference(actual['y']!, expected['y']!)).toBeGreaterThan(1e-4);
        expect(outcomes.map(({ tensorsLeft }) => tensorsLeft)).toEqual(outcomes.map(() => 0));
      });
    });

    it('meet the conditions that the names of the cases promise', () => {
      const counts = (name: string) => reports.map(({ cases }) => cases[availableBackends()[0]!]![name]!.counts);
      const total = (name: string) =>
        counts(name)
          .flat()
          .reduce((sum, count) => sum + count, 0);
      const choices = (name: string) => {
        const { config, choices } = rankCases(ranks)[name]!;
        return choices(ranks).flat().length * config.topK;
      };
      for (const name of Object.keys(rankCases(ranks))) {
        if (name.startsWith('dropless')) expect([name, total(name)]).toEqual([name, choices(name)]);
      }
      for (const name of ['capacity, top-1', 'capacity, top-2, shared expert', 'capacity, swiglu']) {
        expect(total(name)).toBeLessThan(choices(name));
        expect(total(name)).toBeGreaterThan(ranks);
      }
      expect(counts('dropless, an expert without tokens').map((perExpert) => perExpert[3])).toEqual(
        Array<number>(ranks).fill(0),
      );
      const tokens = rankCases(ranks)['padding, top-2, shared expert']!.masks!(ranks).flat();
      expect(total('padding, top-2, shared expert')).toBe(2 * tokens.filter((token) => token === 1).length);
      expect(counts('padding, top-2, shared expert')[1]!.every((count) => count === 0)).toBe(true);
      expect(counts('dropless, a rank without tokens')[1]!.every((count) => count === 0)).toBe(true);
      const toOthers = counts('dropless, a rank that sends to itself alone')[0]!.slice(8 / ranks);
      expect(toOthers.every((count) => count === 0)).toBe(true);
    });

    it('exchange counts and exact rows without a capacity, rows alone with one, and the rows again backwards', () => {
      const rows = ['allToAllV', 'allToAllV', 'allToAllV', 'allToAllV'];
      for (const { cases } of reports) {
        expect(cases[availableBackends()[0]!]!['dropless, top-1']!.collectives).toEqual(['allToAll', ...rows]);
        expect(cases[availableBackends()[0]!]!['dropless, no token on any rank']!.collectives).toEqual([
          'allToAll',
          ...rows,
        ]);
        expect(cases[availableBackends()[0]!]!['capacity, top-1']!.collectives).toEqual(rows);
      }
    });

    it.each(Object.entries(layerCases))(
      'give the same with every plan, and what one rank gives: %s',
      async (name, layer) => {
        await useBackend('auto', { threads: 1 });
        const outcomesOf = (plan: string) => reports.map(({ plans }) => plans[`${name}, ${plan}`]!);
        const sequential = outcomesOf('sequential');
        const local = (from: number, to: number) => runLayerCase(layer, { from, to });
        const expected = name.includes('capacity')
          ? together(
              reports.map((_, rank) => local(rank, rank + 1)),
              { expertsAreShared: false },
            )
          : together([local(0, ranks)]);
        // Through two attentions and norms the differences of the sums grow a little.
        expectSame(together(sequential), expected, 10 * tolerance);
        for (const plan of ['slot 0', 'slot 1', 'slot 2', 'slot 3']) {
          outcomesOf(plan).forEach(({ values, tensorsLeft, collectives }, rank) => {
            expect(tensorsLeft).toBe(0);
            // DGMoE's second exchange may come before the first has ended: another order, but one for all ranks.
            expect(collectives).toEqual(outcomesOf(plan)[0]!.collectives);
            const inOrder = (list: string[]) => (name.startsWith('DGMoE') ? list.toSorted() : list);
            expect(inOrder(collectives)).toEqual(inOrder(sequential[rank]!.collectives));
            // The same operators on the same values, and the same rows in the same order: the same bits. Only DGMoE's two
            // ways add up their gradients in the order of the plan.
            expect(values['y']).toEqual(sequential[rank]!.values['y']);
            if (!name.startsWith('DGMoE')) expect(values).toEqual(sequential[rank]!.values);
            expectSame(numbersOf(values), numbersOf(sequential[rank]!.values), tolerance);
          });
        }
        if (name.startsWith('DGMoE')) return;
        for (const plan of ['slot 1 in 2 chunks', 'slot 0 in 3 chunks', 'slot 0 in 16 chunks']) {
          outcomesOf(plan).forEach(({ values, tensorsLeft }, rank) => {
            expect(tensorsLeft).toBe(0);
            // The products of an expert's weight gradients are over the rows of a chunk, and added up chunk by chunk.
            expectSame(numbersOf(values), numbersOf(sequential[rank]!.values), tolerance);
          });
        }
      },
    );

    it.each(Object.entries(expertChunkCases))(
      'give every bit the same however many chunks their experts make, with one exchange of counts: %s',
      (name) => {
        for (const chunks of [1, 2]) {
          for (const expertChunks of divisorsOf(8 / ranks)) {
            reports.forEach(({ expertChunks: outcomes }, rank) => {
              const { values, tensorsLeft, collectives } = outcomes[name]![`${chunks} x ${expertChunks}`]!;
              expect([rank, expertChunks, values]).toEqual([
                rank,
                expertChunks,
                outcomes[name]![`${chunks} x 1`]!.values,
              ]);
              expect(tensorsLeft).toBe(0);
              // Dispatch and combine of each part, forwards and backwards; 5 tokens have 3 slots of an expert.
              const rows = Array<string>(4 * chunks * expertChunks).fill('allToAllV');
              expect(collectives).toEqual(name === 'capacity' ? rows : ['allToAll', ...rows]);
            });
          }
        }
        // It is shown for experts without rows too.
        const load = reports.map(({ expertChunks }) => expertChunks[name]!['1 x 1']!.counts);
        if (name === 'dropless') expect(load.flat()).toContain(0);
      },
    );

    it.each(Object.keys(expertChunkCases))(
      'give the bits of the parts of the backward pass, in whatever parts the forward pass was: %s',
      (name) => {
        reports.forEach(({ apart, expertChunks }, rank) => {
          expect(Object.keys(apart[name]!)).toHaveLength(12);
          for (const [parts, { values, tensorsLeft, collectives }] of Object.entries(apart[name]!)) {
            const [forward, backward] = parts.split(', backward ') as [string, string];
            const { values: expected } = expertChunks[name]![backward]!;
            expect([rank, parts, values, tensorsLeft]).toEqual([rank, parts, expected, 0]);
            const numOf = (cut: string) => cut.split(' x ').reduce((product, n) => product * Number(n), 1);
            const numExchanges = 2 * (numOf(forward) + numOf(backward));
            expect(collectives.filter((operation) => operation === 'allToAllV')).toHaveLength(numExchanges);
            // All parts of both passes go in one exchange of counts.
            expect(collectives.length - numExchanges).toBe(name === 'capacity' ? 0 : 1);
          }
        });
      },
    );

    it('give by random plans what the sequential plan gives, one rank slower than the others', () => {
      for (const { randomPlans } of reports) {
        const { trials, withoutTokens, inChunks, withCapacity, worst } = randomPlans;
        expect([trials, faultOf(randomPlans)]).toEqual([20, undefined]);
        expect(Math.min(withoutTokens, inChunks, withCapacity)).toBeGreaterThan(0);
        expect(worst).toBeGreaterThan(0);
      }
    });

    it('fail where they disagree on the capacity, each with both sides and its own', () => {
      const capacities = [2, 1];
      reports.forEach(({ failures }, rank) => {
        const { code, message } = failures['another capacity on rank 0']!;
        expect(['SCMOE_COMM_MISMATCH', 'SCMOE_COMM_ABORTED']).toContain(code);
        const mine = capacities[Math.min(rank, 1)]!;
        expect(message).toContain(`dispatch of tokens to their experts on rank ${rank} of ${ranks}`);
        expect(message).toContain(
          `here capacity ${mine} for ${8 * mine} tokens and 8 experts, ${(64 / ranks) * mine} elements for each rank`,
        );
        const [, sent, expected] = message.match(/rank \d sends (\d+) elements to rank \d, which expects (\d+)/)!;
        expect([Number(sent), Number(expected)].sort((a, b) => b - a)).toEqual([128 / ranks, 64 / ranks]);
      });
    });

    it('fail where one of them has no capacity limit', () => {
      reports.forEach(({ failures }, rank) => {
        const { code, message } = failures['no capacity on rank 0']!;
        expect(message).toContain(rank === 0 ? 'here no capacity limit for 8 tokens' : 'here capacity 1 for 8 tokens');
        expect(message).toMatch(/allToAll\(int32, 8 elements\)/);
        expect(message).toMatch(/allToAllV\(float32/);
        expect(['SCMOE_COMM_MISMATCH', 'SCMOE_COMM_ABORTED']).toContain(code);
      });
    });

    it('fail where one of them has left, without a word of their experts', () => {
      for (const { failures } of reports.slice(1)) {
        const { message } = failures['rank 0 has left']!;
        expect(message).toContain('rank 0 has left by close()');
        expect(message).not.toContain('the same experts');
      }
    });
  });
});

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
