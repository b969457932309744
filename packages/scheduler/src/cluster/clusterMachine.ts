import { expectPositiveInteger } from '@scmoe/errors';

import type { OperatorCosts } from '../costs/OperatorCosts.js';
import { stageGraph, type StageKind } from '../graph/stageGraphs.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import type { OperatorKind } from '../graph/OperatorNode.js';
import { stageMemory, weightsOf } from '../memory/stageMemory.js';
import type { KernelCost } from '../operatorCosts/kernelCosts.js';
import { mlpCost, selfAttentionCost } from '../operatorCosts/sublayerCosts.js';
import { tokenCosts } from '../operatorCosts/TokenCosts.js';
import { allToAllMs, checkCluster, type Cluster } from './Cluster.js';
import type { Direction, Machine } from './Machine.js';
import {
  allReduceMs,
  checkSlices,
  dealsRows,
  slicedCosts,
  type ExchangeKind,
  type TensorSlices,
} from './tensorSchedules.js';
import { checkModelShape, type ModelShape } from './ModelShape.js';

/**
 * Times of a model's operators on a described cluster: each computation takes the longer of its products at the rate of a
 * rank and of its bytes at that of the memory, each exchange what the alpha-beta model says, once more for the gradient.
 * Operations and bytes are those of `@scmoe/layer` by the same formulas, with every operator in one kernel. Optimizer and
 * averaging of gradients are left out.
 *
 * @param slices of attentions, MLPs and experts over tensor-parallel groups; by default everything but the experts is whole
 * @throws ArgumentError for a model, cluster or slices that make no sense
 */
export function clusterMachine(model: ModelShape, cluster: Cluster, ranks: number, slices?: TensorSlices): Machine {
  checkModelShape(model);
  checkCluster(cluster);
  expectPositiveInteger('ranks', ranks);
  if (slices) checkSlices(slices, ranks);
  const { imbalance = 1, operatorMs = 0.02, interference = 0 } = cluster;
  const { bytesPerElement = 2, capacityFactor = 1, tokensPerRank, dModel } = model;

  /** Times of the operators; `computed` says which kernels of each run, `travels` whether anything does. */
  const timesOf = (
    stage: StageKind,
    topK: number,
    direction: Direction,
    { computed = (_, kernels) => kernels, travels = true }: Partial<PassOptions> = {},
  ): OperatorCosts => {
    const rows = tokensPerRank * topK * capacityFactor * imbalance;
    const bytes = {
      tokens: tokensPerRank * dModel * bytesPerElement,
      rows: rows * dModel * bytesPerElement,
      weights: tokensPerRank * topK * bytesPerElement,
    };
    const sliced = slices && slicedCosts(bytes, slices, { ranks, cluster, direction });
    const wholeMs = allToAllMs(bytes.rows, ranks, cluster);
    const graph = stageGraph(stage);
    const kernels = operatorKernels(model, { graph, topK, ranks, rows });
    return Object.fromEntries(
      graph.operators.map(({ name, kind }) => {
        if (graph.isExchange(name)) return [name, travels ? (sliced?.exchangeMs[kind as ExchangeKind] ?? wholeMs) : 0];
        const own = computed(kind, kernels[kind]);
        if (own.length === 0) return [name, 0];
        const share = sliced?.share[kind] ?? 1;
        const flops = share * sumOf(own, `${direction}Flops`);
        const moved = share * sumOf(own, `${direction}Bytes`);
        const computeMs = Math.max(flops / (cluster.teraflops * 1e9), moved / (cluster.memoryGBs * 1e6));
        return [name, operatorMs + computeMs + (travels ? (sliced?.waitMs[kind] ?? 0) : 0)];
      }),
    );
  };

  const size = slices?.tensorParallel ?? 1;
  // Ranks of equal place in their tensor-parallel groups hold the same.
  const equals = { ...cluster, ranksPerNode: Math.max(1, Math.floor(cluster.ranksPerNode / size)) };
  const sumMs = (bytes: number) => allReduceMs(bytes, ranks / size, equals);
  const call = { alphaMs: sumMs(0), msPerByte: (sumMs(2 ** 20) - sumMs(0)) / 2 ** 20 };

  return {
    updateMs: () => 0,
    gradients: (stage) => {
      const weights = weightsOf(stageGraph(stage), model, { ranks, slices }, (kind) => kind !== 'expert');
      return { stages: model.pairs, bytes: weights * bytesPerElement, call };
    },
    hasOwnBackward: size === 1 || !dealsRows(slices!.schedule),
    // Each half would wait for the sums of the group.
    hasHalves: size === 1,
    interference,
    expertsPerRank: model.expertsPerRank,
    // A chunk launches its operators and pays the latency of its messages once more.
    chunkOverhead: { computeMs: operatorMs, communicationMs: allToAllMs(0, ranks, cluster) },
    costs: (stage, topK, direction) => timesOf(stage, topK, direction),
    recomputation: {
      costs: (stage, topK, { recompute, keepsExchanges }) =>
        timesOf(stage, topK, 'forward', {
          computed: recompute === 'block' ? (_, kernels) => kernels : insideOf,
          travels: recompute === 'block' && !keepsExchanges,
        }),
      memory: (stage, options) => stageMemory(stageGraph(stage), model, { ...options, ranks, imbalance, slices }),
    },
  };
}

interface PassOptions {
  computed: (kind: OperatorKind, kernels: readonly KernelCost[]) => readonly KernelCost[];
  travels: boolean;
}

/** What selective recomputation runs again of an operator: of attention its projections, for its results are kept. */
function insideOf(kind: OperatorKind, kernels: readonly KernelCost[]): readonly KernelCost[] {
  if (kind === 'attention') return kernels.filter((_, i) => i < numProjections);
  return kind === 'mlp' || kind === 'sharedExpert' || kind === 'expert' ? kernels : [];
}

/** Queries, keys and values come first in `selfAttentionCost`. */
const numProjections = 3;

/** The kernels of each kind of operator, as the operators of `@scmoe/layer` name them, whose tests compare. */
function operatorKernels(
  { dModel: d, ffnHidden: hidden, sequenceLength, tokensPerRank: tokens, expertsPerRank, ...model }: ModelShape,
  { graph, topK, ranks, rows }: { graph: OperatorGraph; topK: number; ranks: number; rows: number },
): Record<OperatorKind, readonly KernelCost[]> {
  const { matricesPerMlp = 2, bytesPerElement = 2 } = model;
  const of = tokenCosts(d, { tokens, sequenceLength, bytesPerElement, fused: true, countMasked: false });
  const gated = matricesPerMlp === 3;
  const mlp = mlpCost(of, hidden, { gated, bias: false });
  const packing = { tokens, topK, rows, size: d };
  const hasShared = graph.operators.some(({ kind }) => kind === 'sharedExpert');
  return {
    // One head or many: what they read and write within the operator is not counted.
    attention: selfAttentionCost(of, { numHeads: 1, numKvHeads: 1, causal: true, attentionBias: false }),
    mlp,
    sharedExpert: mlp,
    gate: [of.linear(d, expertsPerRank * ranks)],
    encode: [of.kernels.encode(packing)],
    expert: [
      of.kernels.groupedFfn({
        rows,
        bufferRows: rows,
        numExperts: expertsPerRank,
        size: d,
        hidden,
        gated,
        bias: false,
      }),
    ],
    decode: [of.kernels.decode(packing)],
    join: [of.norm('layer')],
    output: [of.sum(hasShared ? 3 : 2)],
    dispatch: [],
    combine: [],
  };
}

function sumOf(kernels: readonly KernelCost[], field: keyof KernelCost): number {
  return kernels.reduce((sum, kernel) => sum + kernel[field], 0);
}
