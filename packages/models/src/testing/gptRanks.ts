import {
  promptOverlap,
  type Dispatcher,
  type ExpertShard,
  type OverlapController,
  type TensorGroup,
  type TensorShard,
} from '@scmoe/layer';
import { RandomStream, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { AdapterTarget } from '../adapters/planAdapter.js';
import { Gpt } from '../gpt/Gpt.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import { LongcatFlash } from '../longcatFlash/LongcatFlash.js';
import type { LongcatFlashConfig } from '../longcatFlash/LongcatFlashConfig.js';
import type { RecomputeOptions } from '../stages/recompute.js';
import type { TrainingOutcome } from './expectSameTraining.js';

const small = { vocabSize: 17, numLayers: 4, dModel: 16, numHeads: 2, sequenceLength: 12, ffnHidden: 24 };

export const gptCases: Record<string, GptConfig> = {
  'scmoe, dropless': { ...small, moe: { kind: 'scmoe', numExperts: 4, loadBalanceCoefficient: 0.1 } },
  'scmoe top-2, capacity 1': { ...small, moe: { kind: 'scmoe', numExperts: 6, topK: 2, capacityFactor: 1 } },
  'top-2, dropless, swiglu, rotary, untied': {
    ...small,
    moe: { kind: 'top2', numExperts: 4 },
    activation: 'swiglu',
    positionEncoding: 'rotary',
    tiedEmbeddings: false,
  },
  'farskip, dropless, in every block': { ...small, placement: 'every', moe: { kind: 'farskip', numExperts: 4 } },
};

/** What a model has whose first block is a gated delta network and whose second has gated attention. */
export const hybrid = {
  numLayers: 2,
  placement: 'every',
  positionEncoding: 'rotary',
  norm: 'zeroCentredRms',
  qkNorm: 'perHead',
  outputGate: true,
  gatedDelta: { numKeyHeads: 2, numValueHeads: 4, keyHeadDim: 4, valueHeadDim: 6, convTaps: 3 },
  deltaLayers: [0],
} as const satisfies Partial<GptConfig>;

/** Models whose experts two ranks can't share evenly. */
const unequalCases: Record<string, GptConfig> = {
  'top-2 of 5, dropless': { ...small, moe: { kind: 'top2', numExperts: 5 } },
  'scmoe of 3, capacity 1': { ...small, moe: { kind: 'scmoe', numExperts: 3, capacityFactor: 1 } },
};

/** A student in FarSkip connectivity, its stages overlapped, of a teacher that every rank has whole. */
export const distilledCase = gptCases['farskip, dropless, in every block']!;

/** Models with one router before the first block. */
const aheadCases: Record<string, GptConfig> = {
  'router ahead, top-2, dropless': { ...small, routerAhead: true, moe: { kind: 'top2', numExperts: 4 } },
  'router ahead, scmoe, capacity 1': {
    ...small,
    routerAhead: true,
    moe: { kind: 'scmoe', numExperts: 4, capacityFactor: 1 },
  },
};

/** Ways of a training step that compute twice; of the first case of `rankCases`. */
export const recomputeCases: readonly RecomputeOptions[] = [
  { recompute: 'selective' },
  { recompute: 'block' },
  { recompute: 'block', keepExchanges: 'off' },
];

/** Models whose experts two ranks share out. */
export const rankCases: Record<string, GptConfig | LongcatFlashConfig> = {
  ...gptCases,
  ...unequalCases,
  'gated delta networks before gated attention': {
    ...small,
    ...hybrid,
    moe: { kind: 'shared', mix: 'cg1', numExperts: 4, topK: 2 },
  },
  ...aheadCases,
  'LongCat-Flash': {
    ...small,
    numLayers: 2,
    latent: { qLoraRank: 8, kvLoraRank: 6, qkNopeHeadDim: 4, qkRopeHeadDim: 4, vHeadDim: 6 },
    moe: { numExperts: 4, numZeroExperts: 2, topK: 3, routedScalingFactor: 1.5, expertHidden: 12 },
  },
};

export interface GptOutcome extends TrainingOutcome {
  generated: number[];
}

/** A model in slices, with dropout, over two ranks of the same tokens. */
export const slicedCase: GptConfig = {
  ...{ ...small, numLayers: 2, dropout: 0.1, attentionBias: 'qkv', activation: 'swiglu', ffnBias: true },
  moe: { kind: 'scmoe', numExperts: 4, topK: 2, capacityFactor: 1, sharedHidden: 12, loadBalanceCoefficient: 0.1 },
};
/** The same with one router before the first block. */
export const slicedAheadCase: GptConfig = { ...slicedCase, routerAhead: true };
/** Parts of it that have adapters. */
export const slicedTargets: readonly AdapterTarget[] = ['attention', 'experts', 'shared', 'dense', 'router'];
export const slicedFactors = { tensorParallel: 2, expertParallel: 2, expertShards: 2 } as const;

/** What one rank tells. */
export interface GptRankReport {
  /** The name of one of `rankCases`. */
  outcomes: Record<string, GptOutcome>;
  /** The name of one of `recomputeCases`. */
  recomputed: GptOutcome[];
  /** That of `distilledCase`. */
  distilled: GptOutcome;
}

/** Micro-batch `index`: ids and targets (2, 6). */
export function microBatch(index: number): { ids: tf.Tensor2D; targets: tf.Tensor2D } {
  const random = new RandomStream({ seed: 21, stream: index });
  const draw = () =>
    tf.tensor2d(
      Array.from({ length: 12 }, () => random.int(17)),
      [2, 6],
      'int32',
    );
  return { ids: draw(), targets: draw() };
}

/** Loss and gradients of one micro-batch, and how a prompt goes on; with the experts of a shard, on every rank at once. */
export async function runGpt(
  config: GptConfig | LongcatFlashConfig,
  batchIndex: number,
  {
    experts,
    shard,
    dispatcher,
    tensor,
    overlap,
    teacher,
    recomputing,
    adapts,
  }: {
    experts?: ExpertShard;
    /** This rank's slice, of the ranks of `tensor`. */
    shard?: TensorShard;
    dispatcher?: Dispatcher;
    tensor?: TensorGroup;
    overlap?: OverlapController;
    teacher?: GptConfig;
    recomputing?: RecomputeOptions;
    /** Parts of the model that are given adapters, which are all that is trained then. */
    adapts?: readonly AdapterTarget[];
  } = {},
): Promise<GptOutcome> {
  const options = { seed: 4, experts, tensor: shard };
  const model = isLongcatFlash(config) ? new LongcatFlash(config, options) : new Gpt(config, options);
  if (adapts) {
    model.adapt(model.planAdapter({ rank: 2, alpha: 3, dropout: 0.2, targets: adapts }), { seed: 6 });
    // Fresh ones say nothing: no gradient comes to A.
    for (const [name, variable] of Object.entries(model.variables))
      if (name.endsWith('.loraB'))
        tf.tidy(() => variable.assign(tf.mul(tf.ones(variable.shape), tf.tensor2d([[0.05], [-0.08]]))));
  }
  const batch = microBatch(batchIndex);
  const taught = teacher && new Gpt({ ...teacher, connectivity: 'regular' }, { seed: 9 });
  const distill = taught && { teacher: taught };
  const pass = { dispatcher, tensor, overlap, distill, ...recomputing, training: true, dropoutSeed: 5 };
  const loss = () => (model as Gpt).loss(batch, pass).loss;
  const { value, grads } = valueAndGrads(loss, model.variables);
  taught?.dispose();
  const generated = await model.generate([1 + batchIndex, 2, 3], {
    ...{ maxNewTokens: 6, temperature: 0, dispatcher, tensor },
    ...(dispatcher && { overlap: promptOverlap() }),
  });
  const outcome = {
    loss: value.dataSync()[0]!,
    grads: Object.fromEntries(Object.entries(grads).map(([name, grad]) => [name, grad.dataSync<'float32'>()])),
    generated,
    numParameters: model.numParameters(),
  };
  tf.dispose([value, grads, batch.ids, batch.targets]);
  model.dispose();
  return outcome;
}

/** LongCat-Flash is the one with latent attention, of the models here. */
function isLongcatFlash(config: GptConfig | LongcatFlashConfig): config is LongcatFlashConfig {
  return config.latent !== undefined;
}
