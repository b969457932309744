import type { GptConfig } from '@scmoe/models';
import { type ExpertSettings, moeConfig, withoutUndefined } from '@scmoe/run';

import type { ModelSettings } from '../options/modelOptions.js';

/** The model's configuration from the settings; what is not given is the model's own default. */
export function gptConfig(settings: ModelSettings & ExpertSettings, vocabSize: number): GptConfig {
  return withoutUndefined({
    vocabSize,
    numLayers: settings.numLayers,
    dModel: settings.dModel,
    numHeads: settings.numHeads,
    numKvHeads: settings.numKvHeads,
    ffnHidden: settings.ffnHidden,
    sequenceLength: settings.sequenceLength,
    positionEncoding: settings.positionEncoding,
    norm: settings.norm,
    activation: settings.activation,
    dropout: settings.dropout,
    placement: settings.placement,
    moe: moeConfig(settings),
  });
}
