import type { ResolvedLongcatBlock } from '../longcat/LongcatBlockConfig.js';
import { resolveCostOptions, type CostOptions } from './CostOptions.js';
import { layerCost, noCost, sumOfCosts, type LayerCost } from './OperatorCost.js';
import { operatorCosts } from './operatorCosts.js';
import { sublayerCosts } from './sublayerCosts.js';

/** What a LongCat block costs on one rank. @throws as {@link pairCost} */
export function longcatCost(config: ResolvedLongcatBlock, options: number | CostOptions): LayerCost {
  const of = operatorCosts(config.dModel, resolveCostOptions(options));
  const { norm, ffnHidden, latent, moe } = config;
  const normed = of.norm(norm);
  const attention2 = sumOfCosts([
    normed,
    ...(latent ? of.latentAttention({ ...config, latent }) : of.selfAttention(config)),
  ]);
  const mlp1 = sumOfCosts(of.feedForward(ffnHidden, config));
  const { routed, current } = sublayerCosts(of, moe);
  return layerCost({
    attention1: sumOfCosts([attention2, normed]), // the norm that gives u
    ...routed,
    mlp1,
    attention2,
    mlp2: sumOfCosts([normed, mlp1]),
    ...current,
    output: noCost,
  });
}
