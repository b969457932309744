import { expectPositiveInteger } from '@scmoe/errors';

import type { OperatorCosts } from '../costs/OperatorCosts.js';
import { stageGraph, type StageKind } from '../graph/stageGraphs.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import type { OperatorKind } from '../graph/OperatorNode.js';
import type { KernelCost } from '../operatorCosts/kernelCosts.js';
import { mlpCost, selfAttentionCost } from '../operatorCosts/sublayerCosts.js';
import { tokenCosts } from '../operatorCosts/TokenCosts.js';
import { allToAllMs, checkCluster, type Cluster } from './Cluster.js';
import type { Direction, Machine } from './Machine.js';
import { checkModelShape, type ModelShape } from './ModelShape.js';

/**
 * Times of a model's operators on a described cluster: each computation takes the longer of its products at the rate of a
 * rank and of its bytes at that of the memory, each exchange what the alpha-beta model says, once more for the gradient.
 * Operations and bytes are those of `@scmoe/layer` by the same formulas, with every operator in one kernel. Optimizer and
 * averaging of gradients are left out.
 *
 * @throws ArgumentError for a model or cluster that makes no sense
 */
export function clusterMachine(model: ModelShape, cluster: Cluster, ranks: number): Machine {
  checkModelShape(model);
  checkCluster(cluster);
  expectPositiveInteger('ranks', ranks);
  const { imbalance = 1, operatorMs = 0.02, interference = 0 } = cluster;
  const { bytesPerElement = 2, capacityFactor = 1, tokensPerRank, dModel } = model;

  return {
    updateMs: () => 0,
    interference,
    expertsPerRank: model.expertsPerRank,
    // A chunk launches its operators and pays the latency of its messages once more.
    chunkOverhead: { computeMs: operatorMs, communicationMs: allToAllMs(0, ranks, cluster) },
    costs: (stage: StageKind, topK: number, direction: Direction): OperatorCosts => {
      const rows = tokensPerRank * topK * capacityFactor * imbalance;
      const exchangeMs = allToAllMs(rows * dModel * bytesPerElement, ranks, cluster);
      const graph = stageGraph(stage);
      const kernels = operatorKernels(model, { graph, topK, ranks, rows });
      return Object.fromEntries(
        graph.operators.map(({ name, kind }) => {
          if (graph.isExchange(name)) return [name, exchangeMs];
          const flops = sumOf(kernels[kind], `${direction}Flops`);
          const bytes = sumOf(kernels[kind], `${direction}Bytes`);
          return [name, operatorMs + Math.max(flops / (cluster.teraflops * 1e9), bytes / (cluster.memoryGBs * 1e6))];
        }),
      );
    },
  };
}

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
