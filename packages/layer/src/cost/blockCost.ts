import type { ResolvedBlock } from '../config/BlockConfig.js';
import { resolveCostOptions, type CostOptions } from './CostOptions.js';
import { layerCost, noCost, sumOfCosts, type LayerCost } from './OperatorCost.js';
import { operatorCosts } from './operatorCosts.js';
import { sublayerCosts } from './sublayerCosts.js';

/** What a block costs on one rank. @throws as {@link pairCost} */
export function blockCost(config: ResolvedBlock, options: number | CostOptions): LayerCost {
  const of = operatorCosts(config.dModel, resolveCostOptions(options));
  const { norm, ffnHidden, moe } = config;
  const normed = of.norm(norm);
  const attention = sumOfCosts([normed, ...of.selfAttention(config), normed]);
  if (!moe) return layerCost({ attention, mlp: sumOfCosts(of.feedForward(ffnHidden, config)) });

  const hasNorm = moe.shortcut !== undefined && moe.shortcut.norm !== 'none';
  const { routed, current } = sublayerCosts(of, moe, hasNorm ? [normed] : []);
  return layerCost({
    ...(moe.shortcut ? routed : {}),
    attention,
    ...(moe.shortcut ? {} : routed),
    ...current,
    output: moe.postNorm ? sumOfCosts([normed]) : noCost,
  });
}
