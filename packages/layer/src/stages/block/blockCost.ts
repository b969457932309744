import type { CostOptions } from '../../cost/CostOptions.js';
import { layerCost } from '../../cost/layerCost.js';
import type { LayerCost } from '../../cost/OperatorCost.js';
import type { ResolvedBlock } from './BlockConfig.js';
import { blockOperators } from './blockOperators.js';

/** What a block costs on one rank, operator by operator: the sum of what its operators say. @throws as `layerCost` */
export function blockCost(config: ResolvedBlock, options: number | CostOptions): LayerCost {
  return layerCost(blockOperators({}, config), config.dModel, options);
}
