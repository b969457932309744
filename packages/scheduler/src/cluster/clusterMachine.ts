import { expectPositiveInteger } from '@scmoe/errors';

import type { OperatorCosts } from '../costs/OperatorCosts.js';
import { stageGraph, type StageKind } from '../graph/stageGraphs.js';
import type { OperatorKind } from '../graph/OperatorNode.js';
import { allToAllMs, checkCluster, type Cluster } from './Cluster.js';
import type { Direction, Machine } from './Machine.js';
import { checkModelShape, type ModelShape } from './ModelShape.js';

interface Work {
  readonly flops: number;
  readonly bytes: number;
}

/**
 * Times of a model's operators on a described cluster: each computation takes the longer of its products at the rate of a
 * rank and of its bytes at that of the memory, each exchange what the alpha-beta model says. A gradient is twice the
 * computation (by the input and by the weights) and the same exchange. Optimizer and averaging of gradients are left out.
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
    // A chunk launches its operators and pays the latency of its messages once more.
    chunkOverhead: { computeMs: operatorMs, communicationMs: allToAllMs(0, ranks, cluster) },
    costs: (stage: StageKind, topK: number, direction: Direction): OperatorCosts => {
      const rows = tokensPerRank * topK * capacityFactor * imbalance;
      const exchangeMs = allToAllMs(rows * dModel * bytesPerElement, ranks, cluster);
      const work = workOf(model, topK, ranks, rows);
      const graph = stageGraph(stage);
      return Object.fromEntries(
        graph.operators.map(({ name, kind }) => {
          if (graph.isExchange(name)) return [name, exchangeMs];
          const { flops, bytes } = work[kind];
          const onceMs = Math.max(flops / (cluster.teraflops * 1e9), bytes / (cluster.memoryGBs * 1e6));
          return [name, operatorMs + onceMs * (direction === 'backward' ? 2 : 1)];
        }),
      );
    },
  };
}

/**
 * What the computations of a rank do: the products are those of `@scmoe/layer`, whose tests compare. The bytes are fewer
 * than its costs say, a third of them for attentions and MLPs: those count every kernel of ours, these an operator in one
 * piece, which keeps hidden values and norms to itself.
 */
function workOf(model: ModelShape, topK: number, ranks: number, rows: number): Record<OperatorKind, Work> {
  const { dModel: d, ffnHidden, sequenceLength, tokensPerRank: tokens, expertsPerRank } = model;
  const { matricesPerMlp = 2, bytesPerElement = 2 } = model;
  const activation = tokens * d * bytesPerElement;
  const mlpParameters = matricesPerMlp * d * ffnHidden;
  const mlp: Work = {
    flops: 2 * tokens * mlpParameters,
    bytes: mlpParameters * bytesPerElement + 2 * activation,
  };
  const moved = rows * d * bytesPerElement;
  const none: Work = { flops: 0, bytes: 0 };
  return {
    // Projections (8 d^2) and causal scores and values (2 S d) for each token.
    attention: {
      flops: tokens * (8 * d * d + 2 * sequenceLength * d),
      bytes: 4 * d * d * bytesPerElement + 4 * activation,
    },
    mlp,
    sharedExpert: mlp,
    gate: { flops: 2 * tokens * d * expertsPerRank * ranks, bytes: activation },
    encode: { flops: 0, bytes: activation + moved },
    expert: {
      flops: 2 * rows * mlpParameters,
      bytes: expertsPerRank * mlpParameters * bytesPerElement + 2 * moved,
    },
    decode: { flops: 0, bytes: activation + moved },
    output: { flops: 0, bytes: 3 * activation },
    dispatch: none,
    combine: none,
  };
}
