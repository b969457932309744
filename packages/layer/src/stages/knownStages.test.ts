import { clusterMachine, stageGraph, stageKinds, type StageKind, type OperatorGraph } from '@scmoe/scheduler';

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

const shape = { dModel: 12, numHeads: 3, ffnHidden: 20, numExperts: 4, topK: 1, activation: 'gelu' } as const;

/** The stages of this package that the scheduler knows by name. */
interface Known {
  graph: OperatorGraph;
  cost: (tokens: number) => LayerCost;
}

function ofPair(change: Partial<PairConfig>): Known {
  const config = resolvePair({ ...shape, kind: 'scmoe', mix: 'add', ...change });
  return { graph: operatorGraph(pairOperators({}, config)), cost: (tokens) => pairCost(config, tokens) };
}
const everyBlock = resolveBlock({ ...shape, kind: 'scmoe', mix: 'add' });
const longcat = resolveLongcatBlock(shape);
const known: Record<StageKind, Known> = {
  standard: ofPair({ kind: 'standard' }),
  shared: ofPair({ kind: 'shared' }),
  pos1: ofPair({ position: 'pos1' }),
  pos2: ofPair({ position: 'pos2' }),
  pos3: ofPair({ position: 'pos3' }),
  everyBlock: { graph: operatorGraph(blockOperators({}, everyBlock)), cost: (tokens) => blockCost(everyBlock, tokens) },
  longcat: { graph: operatorGraph(longcatOperators({}, longcat)), cost: (tokens) => longcatCost(longcat, tokens) },
};

const described = (graph: OperatorGraph) =>
  graph.operators.map(({ name, kind }) => ({ name, kind, after: [...graph.ancestors(name)].sort() }));

describe('a stage that the scheduler knows by name', () => {
  it.each(stageKinds)('has the operators of this package in their order, each after the same ones: %s', (kind) => {
    const own = known[kind].graph;
    expect(described(stageGraph(kind))).toEqual(described(own));
    expect(stageGraph(kind).window.map(({ name }) => name)).toEqual(own.window.map(({ name }) => name));
  });

  it.each(stageKinds)('has the products of this package on a described cluster: %s', (kind) => {
    const tokens = 8;
    const { dModel, ffnHidden, numExperts } = shape;
    const model = { pairs: 1, dModel, ffnHidden, sequenceLength: tokens, tokensPerRank: tokens };
    const link = { alphaUs: 0, betaGBs: 1 };
    // A rank that does an operation a millisecond and reads and writes in no time.
    const cluster = {
      ranksPerNode: 1,
      intraNode: link,
      interNode: link,
      teraflops: 1e-9,
      memoryGBs: 1e30,
      operatorMs: 0,
    };
    const machine = clusterMachine({ ...model, expertsPerRank: numExperts }, cluster, 1);
    // The scheduler counts the half of queries and keys that a causal kernel computes, a cost the whole square.
    const skipped = 2 * tokens * tokens * dModel;
    const graph = stageGraph(kind);
    const counted = Object.entries(known[kind].cost(tokens).operators).map(([name, { forwardFlops }]) => [
      name,
      graph.get(name).kind === 'attention' ? forwardFlops - skipped : forwardFlops,
    ]);
    const predicted = Object.entries(machine.costs(kind, 1, 'forward'));
    const computed = predicted.filter(([name]) => !graph.isExchange(name));
    expect(Object.fromEntries(computed)).toEqual(
      Object.fromEntries(
        counted
          .filter(([name]) => !graph.isExchange(name as string))
          .map(([name, flops]) => [name, expect.closeTo(flops as number, 6) as number]),
      ),
    );
  });
});
