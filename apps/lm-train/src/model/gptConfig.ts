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
    positions: options.positions,
    norm: options.norm,
    activation: options.activation,
    dropout: options.dropout,
    moe: withoutUndefined({
      kind: options.kind,
      numExperts: options.numExperts,
      topK: options.topK,
      position: options.position,
      firstPosition: options.firstPosition,
      mix: options.mix,
      shortcutNorm: options.shortcutNorm,
      postNorm: options.postNorm,
      capacityFactor: options.capacityFactor,
      expertHidden: options.expertHidden,
      sharedHidden: options.sharedHidden,
      auxiliaryLossCoefficient: options.auxiliaryLoss,
    }),
  });
}

/** An explicit undefined would hide a default. */
function withoutUndefined<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
}
