import { clusterMachine, stageGraph, stageKinds, type StageKind, type OperatorGraph } from '@scmoe/scheduler';
import * as tf from '@tensorflow/tfjs';

import type { CostOptions } from '../cost/CostOptions.js';
import type { LayerCost } from '../cost/OperatorCost.js';
import { operatorGraph } from '../plan/overlapped.js';
import { resolveBlock } from './block/BlockConfig.js';
import { blockCost } from './block/blockCost.js';
import { blockOperators } from './block/blockOperators.js';
import { resolveLongcatBlock } from './longcat/LongcatBlockConfig.js';
import { longcatCost } from './longcat/longcatCost.js';
import { longcatOperators } from './longcat/longcatOperators.js';
import { resolvePair, type PairConfig } from './pair/PairConfig.js';
import { pairCost } from './pair/pairCost.js';
import { pairOperators } from './pair/pairOperators.js';

const shape = {
  dModel: 12,
  numHeads: 3,
  ffnHidden: 20,
  numExperts: 4,
  topK: 1,
  activation: 'gelu',
  attentionBias: false,
  ffnBias: false,
} as const;

/** The stages of this package that the scheduler knows by name. */
interface Known {
  graph: OperatorGraph;
  cost: (options: CostOptions) => LayerCost;
}

function ofPair(change: Partial<PairConfig>): Known {
  const config = resolvePair({ ...shape, kind: 'scmoe', mix: 'add', ...change });
  return { graph: operatorGraph(pairOperators({}, config)), cost: (options) => pairCost(config, options) };
}
const everyBlock = resolveBlock({ ...shape, kind: 'scmoe', mix: 'add' });
const longcat = resolveLongcatBlock(shape);
/** A stage in FarSkip connectivity, behind one that leaves something pending. */
const farSkip = { ...shape, kind: 'shared', mix: 'add', connectivity: 'farskip' } as const;
const behind = { pending: tf.zeros<tf.Rank.R3>([1, 1, 1]) };
const known: Record<StageKind, Known> = {
  standard: ofPair({ kind: 'standard' }),
  shared: ofPair({ kind: 'shared' }),
  pos1: ofPair({ position: 'pos1' }),
  pos2: ofPair({ position: 'pos2' }),
  pos3: ofPair({ position: 'pos3' }),
  everyBlock: {
    graph: operatorGraph(blockOperators({}, everyBlock)),
    cost: (options) => blockCost(everyBlock, options),
  },
  farskip: {
    graph: operatorGraph(pairOperators({}, resolvePair(farSkip), behind)),
    cost: (options) => pairCost(resolvePair(farSkip), options),
  },
  farskipEvery: {
    graph: operatorGraph(blockOperators({}, resolveBlock(farSkip), behind)),
    cost: (options) => blockCost(resolveBlock(farSkip), options),
  },
  longcat: { graph: operatorGraph(longcatOperators({}, longcat)), cost: (options) => longcatCost(longcat, options) },
};

const described = (graph: OperatorGraph) =>
  graph.operators.map(({ name, kind }) => ({ name, kind, after: [...graph.ancestors(name)].sort() }));

describe('a stage that the scheduler knows by name', () => {
  it.each(stageKinds)('has the operators of this package in their order, each after the same ones: %s', (kind) => {
    const own = known[kind].graph;
    expect(described(stageGraph(kind))).toEqual(described(own));
    expect(stageGraph(kind).window.map(({ name }) => name)).toEqual(own.window.map(({ name }) => name));
  });

  const tokens = 8;
  const { dModel, ffnHidden, numExperts } = shape;
  const model = { pairs: 1, dModel, ffnHidden, sequenceLength: tokens / 2, tokensPerRank: tokens };
  const link = { alphaUs: 0, betaGBs: 1 };
  const cluster = { ranksPerNode: 1, intraNode: link, interNode: link, operatorMs: 0 };
  /** Ranks that do an operation, or move a byte, a millisecond, and everything else in no time. */
  const rates = {
    Flops: { ...cluster, teraflops: 1e-9, memoryGBs: 1e30 },
    Bytes: { ...cluster, teraflops: 1e30, memoryGBs: 1e-6 },
  };
  /** What a described cluster counts. */
  const counted = { tokens, sequenceLength: tokens / 2, bytesPerElement: 2, fused: true, countMasked: false };

  it.each(
    stageKinds.flatMap((kind) =>
      (['forward', 'backward'] as const).flatMap((direction) =>
        (['Flops', 'Bytes'] as const).map((what) => [kind, direction, what] as const),
      ),
    ),
  )('costs on a described cluster what its operators say: %s, %s%s', (kind, direction, what) => {
    const { graph, cost } = known[kind];
    const computed = graph.operators.filter(({ name }) => !graph.isExchange(name)).map(({ name }) => name);
    const machine = clusterMachine({ ...model, expertsPerRank: numExperts }, rates[what], 1);
    const predicted = machine.costs(kind, 1, direction);
    const { operators } = cost(counted);
    expect(computed.length).toBeGreaterThanOrEqual(7);
    expect(Object.fromEntries(computed.map((name) => [name, predicted[name]]))).toEqual(
      Object.fromEntries(
        computed.map((name) => [name, expect.closeTo(operators[name]![`${direction}${what}`], 6) as number]),
      ),
    );
  });
});
