import { join } from 'node:path';

import { resolvePair } from '../stages/pair/PairConfig.js';
import { pairOperators } from '../stages/pair/pairOperators.js';
import type { OverlapReports } from '../testing/overlapProgram.js';
import { describeRanks, runRanks } from '../testing/ranks.js';
import { overlapped } from '../plan/overlapped.js';
import { OverlapController } from './OverlapController.js';

const program = join(import.meta.dirname, '..', 'testing', 'overlapProgram.ts');

describeRanks('plans of two ranks', () => {
  let ranks: OverlapReports[];
  beforeAll(async () => {
    ranks = await runRanks(program, 2);
  });

  it('are sequential, or have the slot that was given', () => {
    for (const { off, given } of ranks) {
      expect(off.slots).toEqual([null, null]);
      expect(given.slots).toEqual([2, 2]);
      expect(given.changes).toEqual([]);
    }
  });

  it('are chosen after the first measurement, the same on both ranks', () => {
    const [first, second] = ranks.map(({ measured }) => measured);
    expect(second!.slots).toEqual(first!.slots);
    expect(second!.changes).toEqual(first!.changes);
    // One step of warm-up, two that are measured.
    expect(first!.changes[0]).toBe(2);
    // Which plan, the machine decides; that it is the better one, tests of `choosePlans` say.
    const { predictedMs, sequentialMs } = first!.report[0]!;
    expect(predictedMs).toBeGreaterThan(0);
    expect(sequentialMs).toBeGreaterThan(0);
  });

  it('say what the last measurement under them found', () => {
    for (const { observed, observedSteps, given, off } of ranks) {
      expect(observedSteps).toBe(4);
      const { totalMs, communicationMs, exposedMs } = observed.report[0]!;
      expect(communicationMs).toBeGreaterThan(0);
      expect(exposedMs).toBeGreaterThanOrEqual(0);
      expect(totalMs).toBeGreaterThan(exposedMs!);
      // Two steps are not yet a measurement.
      expect([given.report[0]!.totalMs, off.report[0]!.totalMs]).toEqual([undefined, undefined]);
    }
  });

  it('are measured in steps of more exchanges than are remembered, micro-batch by micro-batch', () => {
    for (const { accumulated, exchangesSeen } of ranks) {
      // Out and back, and so in the backward pass, in three micro-batches of each step.
      expect(exchangesSeen).toEqual([12, 12, 12, 12]);
      expect(accumulated.report[0]!.communicationMs).toBeGreaterThan(0);
    }
  });

  it('stay as they are where a micro-batch has more exchanges than are remembered', () => {
    for (const { unseen } of ranks) {
      expect(unseen.changes).toEqual([]);
      expect(unseen.report).toEqual([{ stage: 0, slot: null, chunks: 1, expertChunks: 1, halves: 1 }]);
    }
  });

  it('are observed after a change, but for the first step under them', () => {
    for (const { measured, remembered } of ranks) {
      // Without the change it would be step 100.
      expect(remembered.observing).toEqual([false, false, true]);
      expect(measured.observing.slice(0, 6)).toEqual([false, true, true, false, true, true]);
    }
  });

  it('are those of rank 0 where the ranks remember different times', () => {
    for (const { remembered } of ranks) {
      expect(remembered.changes).toEqual([0]);
      expect(remembered.slots).toEqual([2, 2, 2]);
    }
  });

  it('cut the experts where that is predicted to gain, the same on both ranks', () => {
    for (const { cut } of ranks) {
      expect(cut.report[0]).toMatchObject({ chunks: 1, expertChunks: 2 });
      expect(cut.changes).toEqual([0]);
    }
  });

  it('give a backward pass parts of its own where that is predicted to gain, and change no bit by it', () => {
    for (const { apart, apartGiven, off } of ranks) {
      expect(apart.report[0]).toMatchObject({ expertChunks: 1, backward: { chunks: 1, expertChunks: 2 } });
      expect(apart.changes).toEqual([0]);
      expect(apartGiven.report[0]).toMatchObject({
        slot: 1,
        expertChunks: 1,
        backward: { chunks: 1, expertChunks: 2 },
      });
      expect(apart.values).toEqual(off.values);
      expect(apartGiven.values).toEqual(off.values);
    }
  });

  it('decode 1 to 8 tokens sequentially and in one piece, whatever was chosen for the other passes', () => {
    const sequentially = { chunks: 1, expertChunks: 1, isSplit: false, isSequential: true };
    for (const { off, measured, remembered, cut, halved } of ranks) {
      for (const { decoding } of [off, measured, remembered, cut, halved])
        expect(decoding).toEqual([sequentially, sequentially, sequentially, sequentially]);
      expect(remembered.slots).toContain(2);
    }
  });

  it('run on halves where that is predicted to gain and the tokens are enough, the same on both ranks', () => {
    for (const { halved, tooSmall, off } of ranks) {
      expect(halved.report[0]).toMatchObject({ chunks: 1, expertChunks: 1, halves: 2 });
      expect(tooSmall.report[0]).toMatchObject({ halves: 1 });
      expect(halved.values[1]!['y']).toEqual(off.values[0]!['y']);
    }
  });

  it('give the numbers of the whole on halves, beside chunks of both kinds and with the same tokens dropped', () => {
    for (const { halves, off, halvesOfBatch } of ranks) {
      expectSame(halves.values[0]!, off.values[0]!);
      for (const [name, { halves, whole }] of Object.entries(halvesOfBatch)) {
        // One gate for both halves tells the rows of all their parts at once: half 1 waits for nothing that half 0 has sent.
        const counts = halves.collectives.filter((operation) => operation === 'allToAll');
        expect([name, counts.length]).toEqual([name, name.startsWith('capacity 0.75') ? 1 : 2]);
        expect(halves.counts).toEqual(whole.counts);
        expect(halves.tensorsLeft).toBe(whole.tensorsLeft);
        expectSame(halves.values, whole.values);
        const exchanges = (names: readonly string[]) => names.filter((name) => name === 'allToAllV').length;
        expect(exchanges(halves.collectives)).toBe(2 * exchanges(whole.collectives));
      }
      const [dropless, , capacity] = Object.values(halvesOfBatch);
      expect(sum(capacity!.halves.counts)).toBeLessThan(sum(dropless!.halves.counts));
    }
  });

  it('may send the chunks of the experts in any order, by what all ranks give them to do', () => {
    const counts = ranks.map(({ secondExpertFirst: { outcome } }) => outcome.counts);
    // Experts 0 and 1 are on the first rank, 2 and 3 on the second.
    const total = counts[0]!.map((count, expert) => count + counts[1]![expert]!);
    const most = [0, 1].map((place) => Math.max(total[place]!, total[2 + place]!));
    for (const { off, secondExpertFirst } of ranks) {
      expect(secondExpertFirst.outcome.values).toEqual(off.values[0]);
      most.forEach((count, place) => expect(secondExpertFirst.shares[place]).toBeCloseTo(count / sum(most), 6));
    }
    expect(most[0]).not.toBe(most[1]);
  });

  it('change no bit, chunks of the tokens aside', () => {
    for (const { off, given, chunked, measured, remembered, cut } of ranks) {
      for (const { values } of [off, given, measured, remembered, cut]) {
        for (const step of values) expect(step).toEqual(off.values[0]);
      }
      expect(chunked.values[0]!['y']).toEqual(off.values[0]!['y']);
      expect(chunked.values[1]).toEqual(chunked.values[0]);
    }
  });
});

/** The same output, and gradients that differ by the order of a sum over the halves. */
function expectSame(halves: OverlapReports['off']['values'][0], whole: OverlapReports['off']['values'][0]): void {
  expect(halves['y']).toEqual(whole['y']);
  for (const [name, { data }] of Object.entries(whole)) {
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0.1);
    const others = halves[name]!.data;
    expect([name, Math.max(...data.map((value, i) => Math.abs(value - others[i]!))) / largest]).toEqual([
      name,
      expect.closeTo(0, 5),
    ]);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

describe('OverlapController', () => {
  it.each([
    [{ split: 'tokens' as 'batch' }, /^split: expected one of off, auto, batch, sequence, got "tokens"$/],
    [{ mode: 'off' as const, split: 'batch' as const }, /^split: expected 'off' where overlap is off, got "batch"$/],
    [{ leastSplitTokens: 0 }, /^leastSplitTokens: expected a positive integer, got 0$/],
    [{ mode: -1 }, /^overlap: expected 'auto', 'off' or a slot >= 0, got -1$/],
    [{ mode: 1.5 }, /^overlap: /],
    [{ mode: 'fast' as 'auto' }, /^overlap: .*got "fast"$/],
    [{ chunks: 0 }, /^chunks: expected a positive integer, got 0$/],
    [{ expertChunks: 0 }, /^expertChunks: expected a positive integer, got 0$/],
    [{ expertsPerRank: 0 }, /^expertsPerRank: expected a positive integer, got 0$/],
    [{ measuredSteps: 0 }, /^measuredSteps: expected a positive integer, got 0$/],
    [{ warmupSteps: -1 }, /^warmupSteps: /],
    [{ refreshSteps: 0.5 }, /^refreshSteps: /],
  ])('refuses %j', (options, message) => {
    expect(() => new OverlapController(options)).toThrow(message);
  });

  it('refuses a slot that a stage lacks, by the name of the option', () => {
    const config = resolvePair({ kind: 'scmoe', dModel: 4, numHeads: 1, ffnHidden: 4, numExperts: 2 });
    const { plan } = new OverlapController({ mode: 4 }).stage(0, { training: true });
    expect(() => plan(pairOperators({}, config))).toThrow(
      "overlap: expected 'auto', 'off' or a slot that a stage has, 0 to 3 here, got 4",
    );
  });

  it('observes nothing where there is nothing to choose', () => {
    expect(new OverlapController({ mode: 'off' }).stage(0, { training: true }).observer).toBeUndefined();
  });

  it('takes the slot in the middle where steps are recorded, at each of them, and watches none', async () => {
    const config = resolvePair({ kind: 'scmoe', dModel: 4, numHeads: 1, ffnHidden: 4, numExperts: 2 });
    const operators = pairOperators({}, config);
    const controller = new OverlapController({ observes: false, warmupSteps: 0, measuredSteps: 1, expertsPerRank: 2 });
    const expected = overlapped(1)(operators);
    for (let step = 0; step < 3; step++) {
      const { plan, observer, onRouting, chunks, expertChunks } = controller.stage(0, { training: true });
      expect(plan(operators)).toEqual(expected);
      expect([observer, onRouting, chunks, expertChunks]).toEqual([undefined, undefined, 1, 1]);
      expect(await controller.stepDone()).toBe(false);
    }
    expect(controller.report()).toMatchObject([{ slot: 1, chunks: 1, expertChunks: 1 }]);
    const onStep = () => undefined;
    expect(() => new OverlapController({ observes: false, onStep })).toThrow(
      /^onStep: expected none where steps are not/,
    );
  });

  it('counts what experts have to do where their chunks are chosen, in steps that are measured', () => {
    const counts = (options: ConstructorParameters<typeof OverlapController>[0], training = true) =>
      new OverlapController({ warmupSteps: 0, ...options }).stage(0, { training }).onRouting !== undefined;
    expect(counts({ expertsPerRank: 2 })).toBe(true);
    expect(counts({ expertsPerRank: 2 }, false)).toBe(false);
    expect(counts({ expertsPerRank: 2, warmupSteps: 1 })).toBe(false);
    expect(counts({ expertsPerRank: 2, expertChunks: 1 })).toBe(false);
    expect(counts({ expertsPerRank: 2, mode: 1 })).toBe(false);
    expect(counts({})).toBe(false);
  });

  it('reports no times of what nobody has watched', async () => {
    const controller = new OverlapController({ mode: 'off', warmupSteps: 0, measuredSteps: 1 });
    const config = resolvePair({ kind: 'scmoe', dModel: 4, numHeads: 1, ffnHidden: 4, numExperts: 2 });
    for (let step = 0; step < 3; step++) {
      controller.stage(0, { training: true }).plan(pairOperators({}, config));
      await controller.stepDone();
    }
    expect(controller.report()).toEqual([{ stage: 0, slot: null, chunks: 1, expertChunks: 1, halves: 1 }]);
  });
});
