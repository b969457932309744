import type { ResolvedMoeLayer } from '../moe/moeLayerOperators.js';
import { resolveCostOptions, type CostOptions } from './CostOptions.js';
import { layerCost, noCost, type LayerCost } from './OperatorCost.js';
import { operatorCosts } from './operatorCosts.js';
import { sublayerCosts } from './sublayerCosts.js';

/** What a bare expert layer for tokens of width d costs, as `runMoe` runs it. @throws as {@link pairCost} */
export function moeCost(d: number, config: ResolvedMoeLayer, options: number | CostOptions): LayerCost {
  const of = operatorCosts(d, resolveCostOptions(options));
  const { shortcutNorm } = config;
  const { routed, current } = sublayerCosts(of, config, shortcutNorm ? [of.norm(shortcutNorm.norm)] : []);
  return layerCost({ ...routed, ...current, output: noCost });
}
