import type { ResolvedExperts } from '../config/MoeConfig.js';
import type { KernelCost } from './kernelCosts.js';
import { sumOfCosts, type OperatorCost } from './OperatorCost.js';
import type { OperatorCosts } from './operatorCosts.js';

type NamedCosts = Record<string, OperatorCost>;

/** Costs of a layer's experts in the groups of `moeSublayer`. `before`: the norm between tap and gate. */
export function sublayerCosts(
  of: OperatorCosts,
  config: ResolvedExperts,
  before: readonly KernelCost[] = [],
): { routed: NamedCosts; current: NamedCosts } {
  const { decode, ...routed } = of.experts(config, before);
  if (!config.dual) {
    const shared: NamedCosts = config.shared ? { sharedExpert: sumOfCosts(of.sharedExpert(config)) } : {};
    return { routed, current: { ...shared, decode } };
  }
  const { decode: _, ...second } = of.experts(config);
  const numbered = (costs: NamedCosts, number: 1 | 2): NamedCosts =>
    Object.fromEntries(Object.entries(costs).map(([name, cost]) => [`${name}${number}`, cost]));
  return {
    routed: numbered(routed, 1),
    current: { ...numbered(second, 2), decode1: decode, decode2: decode },
  };
}
