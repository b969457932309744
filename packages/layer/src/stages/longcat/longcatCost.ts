import type { CostOptions } from '../../cost/CostOptions.js';
import { layerCost } from '../../cost/layerCost.js';
import type { LayerCost } from '../../cost/OperatorCost.js';
import type { ResolvedLongcatBlock } from './LongcatBlockConfig.js';
import { longcatOperators } from './longcatOperators.js';

/** What a LongCat block costs on one rank, operator by operator: the sum of what its operators say. @throws as `layerCost` */
export function longcatCost(config: ResolvedLongcatBlock, options: number | CostOptions): LayerCost {
  return layerCost(longcatOperators({}, config), config.dModel, options);
}
