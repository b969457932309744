import type { ChunkOverhead } from '../axes/ChunkAxis.js';
import type { OperatorCosts } from '../costs/OperatorCosts.js';
import { stageGraph, type StageKind } from '../graph/stageGraphs.js';
import { costsOf } from '../testing/randomCosts.js';
import { compareContenders } from './compareContenders.js';
import { contenders } from './Contender.js';
import { measuredMachine, type MeasuredCosts } from './measuredMachine.js';
import { predictPair } from './predictPair.js';

/** Every stage that is compared: operators of 1 ms, gradients of 2 ms, exchanges of 3 ms for each choice. */
const measured: MeasuredCosts = {
  format: 'scmoe-measured-costs',
  title: 'a test',
  pairs: 2,
  tokensPerRank: 64,
  chunkOverhead: { computeMs: 0.5, communicationMs: 0.25 },
  stages: contenders.map(({ stage, topK }) => {
    const graph = stageGraph(stage);
    const exchanges = { dispatch: 3 * topK, combine: 3 * topK };
    const forward = costsOf(graph, exchanges);
    const doubled = Object.entries(forward).map(([name, ms]) => [name, graph.isExchange(name) ? ms : 2 * ms]);
    return { stage, topK, forward, backward: Object.fromEntries(doubled) as typeof forward, updateMs: 10 };
  }),
};
const machine = measuredMachine(measured);
const pair = (stage: StageKind, topK: number) => ({ name: '', stage, topK, mode: 'sequential' }) as const;

describe('measuredMachine', () => {
  it('adds up what was measured where nothing overlaps', () => {
    // attention1, mlp1, attention2, gate, encode, expert, decode, output, and both exchanges of two choices.
    expect(predictPair(machine, pair('standard', 2), 'infer').stepMs).toBeCloseTo(8 + 12, 9);
    expect(predictPair(machine, pair('standard', 2), 'train').stepMs).toBeCloseTo(8 + 12 + 16 + 12 + 10, 9);
  });

  it('predicts other plans from the same times', () => {
    const overlapped = { ...pair('pos2', 1), mode: 'overlapped' } as const;
    const { stepMs, exposedMs } = predictPair(machine, overlapped, 'infer', { plan: { slot: 1, chunks: 1 } });
    // mlp1 (1) hides one of dispatch's 3 ms, attention2 and sharedExpert two of combine's.
    expect(exposedMs).toBeCloseTo(2 + 1, 9);
    expect(stepMs).toBeCloseTo(9 + 3, 9);
  });

  it('charges chunks what they were measured to cost', () => {
    const pipelined = { ...pair('standard', 2), mode: 'overlapped' } as const;
    const { stepMs } = predictPair(machine, pipelined, 'infer', { plan: { slot: 0, chunks: 2 } });
    // Before: 5; dispatches of 3.25 each, experts of 1 between them and the combines; after: decode and output.
    expect(stepMs).toBeCloseTo(5 + 4 * 3.25 + 2, 9);
  });

  it('takes halves as they were measured, and those of other stages to differ from their whole as much', () => {
    const [first, ...others] = measured.stages;
    const halved = (costs: OperatorCosts) => ({ ...costs, dispatch: 4, expert: 0.5, mlp1: 1.5, attention1: 1.5 });
    const inHalves = { forward: halved(first!.forward), backward: halved(first!.backward) };
    const halves = measuredMachine({ ...measured, stages: [{ ...first!, inHalves }, ...others] });
    expect(halves.costsInHalves!('standard', 2, 'forward')).toEqual(inHalves.forward);
    // A third less to send, half the rows for the experts; the shared expert as most operators, which are unchanged.
    expect(halves.costsInHalves!('shared', 1, 'forward')).toMatchObject({
      ...{ dispatch: 2, combine: 3, expert: 0.5, mlp1: 1.5, sharedExpert: 1 },
    });
    expect(machine.costsInHalves!('standard', 2, 'forward')).toBeUndefined();
    const split = { ...pair('standard', 2), mode: 'overlapped' } as const;
    const plan = { slot: 0, chunks: 1, halves: 2 };
    // A third of each dispatch is gone, and nothing hides them all.
    const [assumed, known] = [machine, halves].map((on) => predictPair(on, split, 'infer', { plan }).stepMs);
    expect(known).toBeLessThan(assumed! - 1);
  });

  it('charges chunks of a backward pass what they were measured to cost there', () => {
    const pipelined = { ...pair('standard', 2), mode: 'overlapped' } as const;
    const backward = { computeMs: 0.5, communicationMs: 1.25 };
    const dearer = measuredMachine({ ...measured, chunkOverhead: { ...measured.chunkOverhead, backward } });
    const stepMs = (on: typeof machine, kind: 'infer' | 'train') =>
      predictPair(on, pipelined, kind, { plan: { slot: 0, chunks: 2 } }).stepMs;
    expect(stepMs(dearer, 'infer')).toBe(stepMs(machine, 'infer'));
    // Four exchanges in a row, 1 ms longer each.
    expect(stepMs(dearer, 'train')).toBeCloseTo(stepMs(machine, 'train') + 4, 9);
  });

  it('charges parts what was measured of their stage, or of one that sends as many rows', () => {
    const [first, ...others] = measured.stages;
    const dearer = (ms: number) => ({ chunkOverhead: { computeMs: 0.5, communicationMs: 0.25 + ms } });
    const parts = dearer(1);
    const inference = { whole: first!.forward, parts: dearer(2) };
    const stages = [{ ...first!, parts, inference }, ...others];
    const own = measuredMachine({ ...measured, stages });
    const longerMs = (stage: StageKind, topK: number, kind: 'infer' | 'train') => {
      const chunked = { ...pair(stage, topK), mode: 'overlapped' } as const;
      const [before, after] = [machine, own].map((on) =>
        predictPair(on, chunked, kind, { plan: { slot: 0, chunks: 2 } }),
      );
      return after!.stepMs - before!.stepMs;
    };
    // Four exchanges in a row in each pass.
    expect(longerMs('standard', 2, 'train')).toBeCloseTo(8, 9);
    expect(longerMs('standard', 2, 'infer')).toBeCloseTo(8, 9);
    expect(longerMs('pos2', 2, 'train')).toBeGreaterThan(4);
    expect(longerMs('pos2', 1, 'train')).toBe(0);
  });

  it('charges chunks of halves what they were measured to cost', () => {
    const [first, ...others] = measured.stages;
    const inHalves = { forward: first!.forward, backward: first!.backward };
    const split = { ...pair('standard', 2), mode: 'overlapped' } as const;
    const stepMs = (chunkOverheadInHalves: ChunkOverhead | undefined, plan: { chunks: number; halves?: number }) => {
      const change = {
        stages: [{ ...first!, inHalves }, ...others],
        ...(chunkOverheadInHalves && { chunkOverheadInHalves }),
      };
      return predictPair(measuredMachine({ ...measured, ...change }), split, 'infer', { plan: { slot: 0, ...plan } })
        .stepMs;
    };
    const both = { chunks: 2, halves: 2 };
    const free = { computeMs: 0, communicationMs: 0 };
    // Eight exchanges in a row, 0.25 ms each.
    expect(stepMs(free, both)).toBeCloseTo(stepMs(undefined, both) - 8 * 0.25, 9);
    expect(stepMs({ computeMs: 0, communicationMs: 1.25 }, both)).toBeCloseTo(stepMs(undefined, both) + 8, 9);
    expect(stepMs(free, { chunks: 2 })).toBe(stepMs(undefined, { chunks: 2 }));
    // Chunks of the experts have a cost of their own there: eight exchanges of 1 ms more.
    const ofExperts = measuredMachine({
      ...{ ...measured, expertsPerRank: 2, stages: [{ ...first!, inHalves }, ...others] },
      ...{ chunkOverheadInHalves: free, expertChunkOverheadInHalves: { computeMs: 0, communicationMs: 1 } },
    });
    const cutBy = (plan: object) =>
      predictPair(ofExperts, split, 'infer', { plan: { slot: 0, chunks: 1, ...plan } }).stepMs;
    expect(cutBy({ expertChunks: 2, halves: 2 })).toBeCloseTo(cutBy({ chunks: 2, halves: 2 }) + 8, 9);
  });

  it('predicts inference from passes that kept nothing for gradients, where there were some', () => {
    const [first, ...others] = measured.stages;
    const whole = { ...first!.forward, expert: 0.25 };
    const inHalves = { ...first!.forward, expert: 0.5 };
    const inferred = measuredMachine({ ...measured, stages: [{ ...first!, inference: { whole } }, ...others] });
    // Three quarters of the expert's ms are gone, of inference alone; other stages have no times of their own.
    const stepMs = (on: typeof machine, contender: ReturnType<typeof pair>, kind: 'infer' | 'train') =>
      predictPair(on, contender, kind).stepMs;
    const [top2, shared] = [pair('standard', 2), pair('shared', 1)];
    expect(stepMs(inferred, top2, 'infer')).toBeCloseTo(stepMs(machine, top2, 'infer') - 0.75, 9);
    expect(stepMs(inferred, top2, 'train')).toBe(stepMs(machine, top2, 'train'));
    expect(stepMs(inferred, shared, 'infer')).toBe(stepMs(machine, shared, 'infer'));
    const halves = measuredMachine({
      ...measured,
      stages: [
        { ...first!, inHalves: { forward: inHalves, backward: first!.backward }, inference: { whole } },
        ...others,
      ],
    });
    // Halves of training halve the expert, and so they do at inference until that was measured.
    expect(halves.costsInHalves!('standard', 2, 'forward', 'infer')).toEqual({ ...whole, expert: 0.125 });
    const both = measuredMachine({ ...measured, stages: [{ ...first!, inference: { whole, inHalves } }, ...others] });
    expect(both.costsInHalves!('standard', 2, 'forward', 'infer')).toEqual(inHalves);
    expect(both.costsInHalves!('standard', 2, 'forward')).toBeUndefined();
  });

  it('has a row for every contender', () => {
    const rows = compareContenders(machine, 'train', { pairs: measured.pairs });
    expect(rows).toHaveLength(contenders.length);
    expect(rows[0]!.stepMs).toBeCloseTo(2 * 58, 9);
  });

  it('leaves out contenders that were not measured', () => {
    const stages = measured.stages.filter(({ stage }) => stage !== 'farskip');
    const names = compareContenders(measuredMachine({ ...measured, stages }), 'train').map(
      ({ contender }) => contender.name,
    );
    expect(names).toEqual(contenders.map(({ name }) => name).filter((name) => name !== 'FarSkip'));
  });

  it('names a stage that was not measured', () => {
    expect(() => predictPair(machine, pair('everyBlock', 1), 'infer')).toThrow(
      /^a test: everyBlock top-1 was not measured; there are standard top-2, /,
    );
  });

  it.each<[Partial<Record<keyof MeasuredCosts, unknown>>, RegExp]>([
    [{ format: 'scmoe-costs' }, /^not measured costs: expected format "scmoe-measured-costs", got "scmoe-costs"$/],
    [{ pairs: 0 }, /^pairs: expected a positive integer, got 0$/],
    [{ tokensPerRank: 1.5 }, /^tokensPerRank: /],
    [{ chunkOverhead: undefined }, /^chunkOverhead: expected an object, got undefined$/],
    [{ chunkOverheadInHalves: { computeMs: 1 } }, /^chunkOverheadInHalves.communicationMs: expected a number >= 0/],
    [
      { chunkOverhead: { computeMs: 0, communicationMs: 0, backward: { computeMs: 1 } } },
      /^chunkOverhead.backward.comm/,
    ],
    [
      { chunkOverhead: { computeMs: 0, communicationMs: 0, computeRatio: 0 } },
      /^chunkOverhead.computeRatio: expected a/,
    ],
    [{ chunkOverhead: { computeMs: -1, communicationMs: 0 } }, /^chunkOverhead.computeMs: expected a number >= 0/],
    [{ expertsPerRank: 2, expertShares: [1] }, /^expertShares: expected 2 numbers, as expertsPerRank says, got/],
    [{ expertsPerRank: 2, expertShares: [0.5, 0.6] }, /^expertShares: expected numbers that sum to 1, got/],
    [{ expertsPerRank: 2, expertShares: [1.5, -0.5] }, /^expertShares: expected a number >= 0, got -0.5/],
    [{ stages: [{ ...measured.stages[0], forward: {} }] }, /^standard top-2, forward: no cost for attention1, /],
    [{ stages: [{ ...measured.stages[0], updateMs: NaN }] }, /^updateMs of standard: /],
    [{ stages: [{ ...measured.stages[0], inHalves: 2 }] }, /^inHalves of standard: /],
    [{ stages: [{ ...measured.stages[0], inHalves: { forward: {} } }] }, /top-2, forward in halves: no cost for att/],
    [{ stages: [{ ...measured.stages[0], parts: {} }] }, /^parts of standard: chunkOverhead: expected an object/],
    [{ stages: [{ ...measured.stages[0], inference: 2 }] }, /^inference of standard: expected an object, got 2/],
    [{ stages: [{ ...measured.stages[0], inference: { whole: {} } }] }, /top-2, inference: no cost for attention1/],
    [{ stages: [{ ...measured.stages[0], stage: 'pos9' }] }, /^unknown stage 'pos9'/],
  ])('refuses %j', (change, message) => {
    expect(() => measuredMachine({ ...measured, ...change } as MeasuredCosts)).toThrow(message);
  });
});
