import type { GptConfig } from '@scmoe/models';

import type { ModelOptions } from '../options/modelOptions.js';

/** The model's configuration from the command's options; what is not given is the model's own default. */
export function gptConfig(options: ModelOptions, vocabSize: number): GptConfig {
  return withoutUndefined({
    vocabSize,
    numLayers: options.numLayers,
    dModel: options.dModel,
    numHeads: options.numHeads,
    numKvHeads: options.numKvHeads,
    ffnHidden: options.ffnHidden,
    sequenceLength: options.sequenceLength,
    positionEncoding: options.positionEncoding,
    norm: options.norm,
    activation: options.activation,
    dropout: options.dropout,
    placement: options.placement,
    moe: withoutUndefined({
      kind: options.kind,
      position: options.position,
      firstPosition: options.firstPosition,
      mix: options.mix,
      shortcutNorm: options.shortcutNorm,
      postNorm: options.postNorm,
      numExperts: options.numExperts,
      topK: options.topK,
      expertHidden: options.expertHidden,
      sharedHidden: options.sharedHidden,
      capacityFactor: options.capacityFactor,
      minCapacity: options.minCapacity,
      dropPolicy: options.dropPolicy,
      scoreFunction: options.scoreFunction,
      logits: options.logits,
      noisy: options.noisy,
      jitter: options.jitter,
      numGroups: options.numGroups,
      topKGroups: options.topKGroups,
      routedScalingFactor: options.routedScalingFactor,
      numZeroExperts: options.numZeroExperts,
      correctionBias: options.correctionBias,
      loadBalanceCoefficient: options.loadBalance,
      sequenceBalanceCoefficient: options.sequenceBalance,
      importanceCoefficient: options.importance,
      zLossCoefficient: options.zLoss,
    }),
  });
}

/** An explicit undefined would hide a default. */
function withoutUndefined<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
}
