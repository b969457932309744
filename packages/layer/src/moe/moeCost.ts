import type { CostOptions } from '../cost/CostOptions.js';
import { layerCost } from '../cost/layerCost.js';
import type { LayerCost } from '../cost/OperatorCost.js';
import { moeLayerOperators, type ResolvedMoeLayer } from './moeLayerOperators.js';

/** What a bare expert layer for tokens of width d costs, as `runMoe` runs it. @throws as `layerCost` */
export function moeCost(d: number, config: ResolvedMoeLayer, options: number | CostOptions): LayerCost {
  return layerCost(moeLayerOperators({}, config), d, options);
}
