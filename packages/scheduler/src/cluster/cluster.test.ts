import { allToAllMs, type Cluster } from './Cluster.js';
import { clusterMachine } from './clusterMachine.js';
import { compareContenders } from './compareContenders.js';
import { fitLink } from './fitLink.js';
import type { ModelShape } from './ModelShape.js';
import { machineShare } from './predictPair.js';
import { clusterPresets, modelPresets } from './presets.js';
import { shareMachine } from './shareMachine.js';

const cluster: Cluster = {
  ranksPerNode: 4,
  intraNode: { alphaUs: 10, betaGBs: 100 },
  interNode: { alphaUs: 20, betaGBs: 10 },
  teraflops: 100,
  memoryGBs: 1000,
};
const model: ModelShape = {
  pairs: 2,
  dModel: 1024,
  ffnHidden: 4096,
  sequenceLength: 1024,
  tokensPerRank: 4096,
  expertsPerRank: 1,
};

describe('allToAllMs', () => {
  const megabytes = 8e6;

  it('is nothing for a rank that is alone', () => {
    expect(allToAllMs(megabytes, 1, cluster)).toBe(0);
  });

  it('within a node is a message to each neighbour', () => {
    // 3 messages of 2 MB: 3 * (0.01 + 0.02).
    expect(allToAllMs(megabytes, 4, cluster)).toBeCloseTo(0.09, 12);
  });

  it('between nodes waits for the slower links, directly or by way of the neighbours', () => {
    // 4 messages of 1 MB: 4 * (0.02 + 0.1).
    expect(allToAllMs(megabytes, 8, { ...cluster, allToAll: 'direct' })).toBeCloseTo(0.48, 12);
    // 3 * (0.01 + 0.02) within, then 1 message of 4 MB: 0.02 + 0.4.
    expect(allToAllMs(megabytes, 8, { ...cluster, allToAll: 'hierarchical' })).toBeCloseTo(0.51, 12);
    expect(allToAllMs(megabytes, 8, cluster)).toBeCloseTo(0.48, 12);
  });

  it('of little data on many ranks is better with few messages', () => {
    const direct = allToAllMs(1e3, 4096, { ...cluster, allToAll: 'direct' });
    expect(direct).toBeCloseTo(4092 * 0.02, 1);
    expect(allToAllMs(1e3, 4096, cluster)).toBeLessThan(direct / 3);
  });

  it('of no data costs its latencies', () => {
    expect(allToAllMs(0, 4, cluster)).toBeCloseTo(0.03, 12);
  });
});

describe('fitLink', () => {
  const measured = (noise: (i: number) => number) =>
    [1e3, 1e5, 1e6, 8e6].map((bytesPerRank, i) => ({
      bytesPerRank,
      timeMs: allToAllMs(bytesPerRank, 4, cluster) * noise(i),
    }));

  it('finds the links that all-to-alls were made over', () => {
    const { alphaUs, betaGBs } = fitLink(
      4,
      measured(() => 1),
    );
    expect(alphaUs).toBeCloseTo(10, 6);
    expect(betaGBs).toBeCloseTo(100, 6);
  });

  it('is off by no more than the measurements are', () => {
    const { alphaUs, betaGBs } = fitLink(
      4,
      measured((i) => (i % 2 === 0 ? 1.1 : 0.9)),
    );
    expect(Math.abs(alphaUs / 10 - 1)).toBeLessThan(0.2);
    expect(Math.abs(betaGBs / 100 - 1)).toBeLessThan(0.2);
  });

  it('rejects what no line fits', () => {
    expect(() => fitLink(1, [])).toThrow(/ranks: expected a whole number of at least 2, got 1/);
    expect(() => fitLink(4, [{ bytesPerRank: 1, timeMs: 1 }])).toThrow(/at least two sizes/);
    expect(() => fitLink(4, [{ bytesPerRank: 1, timeMs: 0 }])).toThrow(/timeMs: expected a time above zero, got 0/);
    const falling = [
      { bytesPerRank: 1, timeMs: 2 },
      { bytesPerRank: 2, timeMs: 1 },
    ];
    expect(() => fitLink(4, falling)).toThrow(/do not grow with the size/);
  });
});

describe('a cluster', () => {
  const row = (ranks: number, name: string, changed: Partial<Cluster> = {}) =>
    compareContenders(clusterMachine(model, { ...cluster, ...changed }, ranks), 'train').find(
      ({ contender }) => contender.name === name,
    )!;

  it('computes at its rate: an MLP is 4 d f operations a token', () => {
    const costs = clusterMachine(model, { ...cluster, operatorMs: 0 }, 8).costs('pos2', 1, 'forward');
    expect(costs.mlp1).toBeCloseTo((4 * 4096 * 1024 * 4096) / 100e9, 9);
    expect(costs.expert).toBeCloseTo(costs.mlp1!, 9);
    const backward = clusterMachine(model, { ...cluster, operatorMs: 0 }, 8).costs('pos2', 1, 'backward');
    expect(backward.mlp1).toBeCloseTo(2 * costs.mlp1!, 9);
    expect(backward.dispatch).toBe(costs.dispatch);
  });

  it('reads and writes what an operator takes and gives once, and nothing in between', () => {
    // A byte a millisecond, products in no time.
    const slowMemory = { ...cluster, operatorMs: 0, teraflops: 1e30, memoryGBs: 1e-6 };
    const [d, f, activation] = [1024, 4096, 2 * 4096 * 1024];
    const forward = clusterMachine(model, slowMemory, 8).costs('pos2', 1, 'forward');
    const backward = clusterMachine(model, slowMemory, 8).costs('pos2', 1, 'backward');
    // Input, keys, values and output; their gradients need input, gradient, keys and values, and give one by the input.
    expect(forward.attention1).toBeCloseTo(2 * 4 * d * d + 4 * activation, 6);
    expect(backward.attention1).toBeCloseTo(2 * (8 * d * d + d + d + d + d) + 5 * activation, 6);
    expect(forward.mlp1).toBeCloseTo(2 * 2 * d * f + 2 * activation, 6);
    expect(backward.mlp1).toBeCloseTo(2 * (4 * d * f + f + d) + 3 * activation, 6);
    // Residual, routed and shared output, and their sum; a pair without a shared expert has one less.
    expect(forward.output).toBe(4 * activation);
    expect(clusterMachine(model, slowMemory, 8).costs('standard', 1, 'forward').output).toBe(3 * activation);
  });

  it('makes the scores of an attention once more for their gradient', () => {
    const fastMemory = { ...cluster, operatorMs: 0, memoryGBs: 1e30, teraflops: 1e-9 };
    const of = (direction: 'forward' | 'backward') =>
      clusterMachine(model, fastMemory, 8).costs('pos2', 1, direction).attention1;
    const [projections, product] = [8 * 4096 * 1024 * 1024, 4096 * 1024 * 1024];
    expect(of('forward')).toBeCloseTo(projections + 2 * product, 3);
    expect(of('backward')).toBeCloseTo(2 * projections + 5 * product, 3);
  });

  it('alone has nothing to hide, and ScMoE then gains nothing', () => {
    expect(machineShare(clusterMachine(model, cluster, 1))).toBe(0);
    expect(row(1, 'ScMoE pos2').speedup).toBeCloseTo(1, 1);
    expect(row(1, 'ScMoE pos2')).toMatchObject({ hiddenFraction: 1, exposedMs: 0 });
  });

  it('with slower links gains more from ScMoE, as long as the window can hide them', () => {
    const speedups = [100, 10, 5].map(
      (betaGBs) => row(8, 'ScMoE pos2', { interNode: { alphaUs: 20, betaGBs } }).speedup,
    );
    expect(speedups).toEqual([...speedups].sort((a, b) => a - b));
  });

  it('whose links are far too slow gains what it sends less: half the bytes', () => {
    expect(row(8, 'ScMoE pos2', { interNode: { alphaUs: 20, betaGBs: 0.01 } }).speedup).toBeCloseTo(2, 1);
  });

  it('waits for its busiest rank', () => {
    expect(row(8, 'top-2', { imbalance: 1.5 }).stepMs).toBeGreaterThan(row(8, 'top-2').stepMs * 1.1);
  });

  it('predicts every contender, from 2 to 4,096 ranks, on every preset, in finite times above the bound', () => {
    for (const preset of Object.values(clusterPresets)) {
      for (const shape of Object.values(modelPresets)) {
        for (const ranks of [2, 3, 8, 12, 64, 512, 4096]) {
          for (const { stepMs, communicationMs, exposedMs } of compareContenders(
            clusterMachine(shape, preset, ranks),
            'train',
          )) {
            expect(Number.isFinite(stepMs)).toBe(true);
            expect(stepMs).toBeGreaterThan(communicationMs);
            expect(exposedMs).toBeLessThanOrEqual(communicationMs + 1e-6);
          }
        }
      }
    }
  });

  it('takes a batch of no tokens', () => {
    const [top2] = compareContenders(clusterMachine({ ...model, tokensPerRank: 0 }, cluster, 8), 'infer', {
      numTokens: 0,
    });
    expect(top2!.stepMs).toBeGreaterThan(0);
  });

  it.each([
    [{ ranksPerNode: 0 }, /ranksPerNode: expected a positive integer, got 0/],
    [{ interNode: { alphaUs: 1, betaGBs: 0 } }, /interNode.betaGBs: expected a number > 0, got 0/],
    [{ intraNode: undefined as never }, /intraNode: expected an object, got undefined/],
    [{ teraflops: NaN }, /teraflops: .* got NaN/],
    [{ imbalance: 0.5 }, /imbalance: expected a number from 1 to 1000000, got 0.5/],
    [{ allToAll: 'ring' as never }, /allToAll: expected direct, hierarchical or best, got 'ring'/],
  ])('rejects %j', (changed, message) => {
    expect(() => clusterMachine(model, { ...cluster, ...changed }, 8)).toThrow(message);
  });

  it('rejects models and numbers of ranks that make no sense', () => {
    expect(() => clusterMachine({ ...model, matricesPerMlp: 4 }, cluster, 8)).toThrow(
      /matricesPerMlp: expected 2 or 3, got 4/,
    );
    expect(() => clusterMachine({ ...model, dModel: 0 }, cluster, 8)).toThrow(/dModel: .* got 0/);
    expect(() => clusterMachine({ ...model, tokensPerRank: -1 }, cluster, 8)).toThrow(/tokensPerRank: .* got -1/);
    expect(() => clusterMachine(model, cluster, 0)).toThrow(/ranks: expected a positive integer, got 0/);
  });
});

describe('shareMachine', () => {
  it('has the share that it is given', () => {
    for (const share of [0, 0.15, 0.6, 0.9]) {
      expect(machineShare(shareMachine({ communicationShare: share }))).toBeCloseTo(share, 12);
    }
  });

  it('rejects a share that is none', () => {
    expect(() => shareMachine({ communicationShare: 1 })).toThrow(/communicationShare: .* from 0 to 0.99, got 1/);
    expect(() => shareMachine({ communicationShare: 0.5, routing: -1 })).toThrow(/routing: .* got -1/);
  });
});
