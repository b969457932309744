import type { ParameterSpecs, ShardOptions } from '@scmoe/layer';

import { gptSpecs } from '../gpt/gptSpecs.js';
import { resolveLongcatFlash, type LongcatFlashConfig } from './LongcatFlashConfig.js';

/** Names, shapes and starting points of all parameters of a LongCat-Flash, with all experts or those of a shard. */
export function longcatFlashSpecs(config: LongcatFlashConfig, options: ShardOptions = {}): ParameterSpecs {
  return gptSpecs(resolveLongcatFlash(config), options);
}
