import { type GptConfig, gptOptions } from '@scmoe/models';
import { type ExpertSettings, moeConfig, tableConfig } from '@scmoe/run';

import type { ModelSettings } from '../options/modelOptions.js';

/** The model's configuration from the settings; what is not given is the model's own default. */
export function gptConfig(settings: ModelSettings & ExpertSettings, vocabSize: number): GptConfig {
  const config = tableConfig(gptOptions, settings) as unknown as GptConfig;
  return { ...config, vocabSize, moe: moeConfig(settings) };
}
