import { join } from 'node:path';

import { useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { availableBackends } from '@scmoe/testing';
import {
  comparedBackends,
  divisorsOf,
  expertChunkCases,
  layerCases,
  rankCases,
  runCase,
  runLayerCase,
  type RankOutcome,
} from '../testing/rankCases.js';
import { difference } from '../testing/difference.js';
import { faultOf } from '../testing/randomPlans.js';
import type { RankReport } from '../testing/rankProgram.js';
import { describeRanks, runRanks } from '../testing/ranks.js';
import { expectSame, together, tolerance } from '../testing/sameOutcome.js';

/** bf16 has 8 bits of mantissa, and rows are rounded on each of two ways. */
const bf16Tolerance = 3e-2;

const numbersOf = (values: RankOutcome['values']) =>
  Object.fromEntries(Object.entries(values).map(([name, { data }]) => [name, Array.from(data)]));
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
        expect(code).toBe('SCMOE_COMM_MISMATCH');
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
        expect(code).toBe('SCMOE_COMM_MISMATCH');
      });
    });

    it('fail where one of them has left, without a word of their experts', () => {
      for (const { failures } of reports.slice(1)) {
        const { code, message } = failures['rank 0 has left']!;
        expect(code).toBe('SCMOE_COMM_LEFT');
        expect(message).not.toContain('the same experts');
      }
    });
  });
});
