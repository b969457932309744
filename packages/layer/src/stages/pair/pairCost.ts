import type { CostOptions } from '../../cost/CostOptions.js';
import { layerCost } from '../../cost/layerCost.js';
import type { LayerCost } from '../../cost/OperatorCost.js';
import type { ResolvedPair } from './PairConfig.js';
import { pairOperators } from './pairOperators.js';

/** What a pair costs on one rank, operator by operator: the sum of what its operators say. @throws as `layerCost` */
export function pairCost(config: ResolvedPair, options: number | CostOptions): LayerCost {
  return layerCost(pairOperators({}, config), config.dModel, options);
}
