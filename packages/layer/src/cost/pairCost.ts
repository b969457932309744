import type { ResolvedPair } from '../config/PairConfig.js';
import { tapOf, type Tap } from '../pair/tap.js';
import { resolveCostOptions, type CostOptions } from './CostOptions.js';
import { layerCost, noCost, sumOfCosts, type LayerCost } from './OperatorCost.js';
import { operatorCosts } from './operatorCosts.js';
import { sublayerCosts } from './sublayerCosts.js';

/**
 * What a pair costs on one rank, operator by operator: without a cache, and with the tokens evenly spread over the
 * experts. A number stands for so many tokens in one sequence on one rank.
 *
 * @throws ArgumentError where the tokens are no whole sequences, or the ranks do not divide the experts.
 */
export function pairCost(config: ResolvedPair, options: number | CostOptions): LayerCost {
  const of = operatorCosts(config.dModel, resolveCostOptions(options));
  const { norm, ffnHidden, moe } = config;
  const normed = of.norm(norm);
  const attention1 = sumOfCosts([normed, ...of.selfAttention(config)]);
  const mlp = of.feedForward(ffnHidden, config);
  const mlp1 = sumOfCosts([normed, ...mlp]);
  const attention2 = sumOfCosts([attention1, normed]); // the norm that gives u
  if (!moe) return layerCost({ attention1, mlp1, attention2, mlp2: sumOfCosts(mlp) });

  const hasNorm = moe.shortcut !== undefined && moe.shortcut.norm !== 'none';
  const { routed, current } = sublayerCosts(of, moe, hasNorm ? [normed] : []);
  const after = (tap: Tap) => (tapOf(moe) === tap ? routed : {});
  return layerCost({
    ...after('x'),
    attention1,
    ...after('a'),
    mlp1,
    ...after('b'),
    attention2,
    ...after('u'),
    ...current,
    output: moe.postNorm ? sumOfCosts([normed]) : noCost,
  });
}
