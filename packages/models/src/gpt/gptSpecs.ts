import type { ParameterSpecs, ShardOptions } from '@scmoe/layer';

import { languageModelSpecs } from '../languageModel/languageModelSpecs.js';
import type { ResolvedGpt } from './GptConfig.js';

/** Names, shapes and starting points of all parameters of a GPT, with all experts or those of a shard. */
export function gptSpecs(config: ResolvedGpt, options: ShardOptions = {}): ParameterSpecs {
  return languageModelSpecs(config, options);
}
