import type { ParameterSpecs, ShardOptions } from '@scmoe/layer';

import { languageModelSpecs } from '../languageModel/languageModelSpecs.js';
import { resolveLongcatFlash, type LongcatFlashConfig } from './LongcatFlashConfig.js';

/** Names, shapes and starting points of all parameters of a LongCat-Flash, with all experts or those of a shard. */
export function longcatFlashSpecs(config: LongcatFlashConfig, options: ShardOptions = {}): ParameterSpecs {
  return languageModelSpecs(resolveLongcatFlash(config), options);
}
