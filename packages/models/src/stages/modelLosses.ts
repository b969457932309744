import {
  resolveOptions,
  resolveRouterLosses,
  routerLosses,
  routerLossOptions,
  weightedRouterLosses,
  type OptionSpecs,
  type OptionsOf,
  type ResolvedOptions,
  type RouterLossContext,
  type RouterLossName,
  type Routing,
} from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

/** Options of what is added to the loss so that routers balance: each a sum over the layers times its coefficient. */
export const modelLossOptions = {
  /**
   * The load-balance loss: `layers`, of each layer's first choices (Switch); or `allLayers`, one of all choices of all
   * layers together (Mixtral and Qwen2-MoE in transformers); `allLayersByLogits` as if the softmax of the logits alone had
   * chosen (ERNIE 4.5, MiniMax-M2).
   */
  balance: {
    type: 'choice',
    choices: ['layers', 'allLayers', 'allLayersByLogits'],
    default: 'layers',
    help: "the load-balance loss of each layer's first choices, or one of all choices of all layers, as routed or by the logits alone",
  },
  ...routerLossOptions,
} as const satisfies OptionSpecs;

/** What is added to a model's loss so that routers balance. */
export interface ModelLossConfig extends OptionsOf<typeof modelLossOptions> {}
export interface ResolvedModelLosses extends ResolvedOptions<typeof modelLossOptions> {}

/** All coefficients of a model's router losses. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveModelLosses(
  config: ModelLossConfig & { noisy?: boolean },
  defaults: ModelLossConfig = {},
): ResolvedModelLosses {
  const { balance } = resolveOptions(config, { balance: modelLossOptions.balance }, { within: 'moe' });
  return { balance, ...resolveRouterLosses(config, { defaults, within: 'moe' }) };
}

/** The load-balance loss of a model's layers, in either form; 0 without experts. */
export function loadBalanceOfLayers(routings: readonly Routing[], coefficients: ResolvedModelLosses): tf.Scalar {
  const { balance } = coefficients;
  const losses = routerLosses(routings, coefficients, { numSequences: 1, balance, names: ['loadBalance'] });
  return losses.loadBalance ?? tf.scalar(0);
}

/** Router losses besides the load-balance loss, those that have a coefficient; not weighted. */
export type RouterLosses = { [Name in Exclude<RouterLossName, 'loadBalance'>]?: tf.Scalar };

/** A model's loss and its parts. */
export type LossResult = {
  /** crossEntropy, loadBalance and routerLosses with their coefficients. */
  loss: tf.Scalar;
  /** Mean over the tokens, or over what is classified, in nats. */
  crossEntropy: tf.Scalar;
  /** Load-balance loss of all layers. */
  loadBalance: tf.Scalar;
  /** Further losses of the routers, those that have a coefficient. */
  routerLosses: RouterLosses;
  routings: Routing[];
};

/** The loss of a model, and its parts. */
export function addRouterLosses(
  crossEntropy: tf.Scalar,
  routings: Routing[],
  coefficients: ResolvedModelLosses,
  context: Pick<RouterLossContext, 'numSequences' | 'whole'>,
): LossResult {
  const { balance, ...ofLosses } = coefficients;
  // The load-balance loss is told whether it counts or not.
  const wanted = { ...ofLosses, loadBalanceCoefficient: ofLosses.loadBalanceCoefficient || 1 };
  const { loadBalance = tf.scalar(0), ...others } = routerLosses(routings, wanted, { ...context, balance });
  const summands: tf.Scalar[] = [crossEntropy];
  if (coefficients.loadBalanceCoefficient > 0 && routings.length > 0)
    summands.push(tf.mul(loadBalance, coefficients.loadBalanceCoefficient));
  const weighted = weightedRouterLosses(others, coefficients);
  if (weighted) summands.push(weighted);
  const loss: tf.Scalar = summands.length > 1 ? tf.addN(summands) : tf.clone(crossEntropy);
  return { loss, crossEntropy, loadBalance, routerLosses: others, routings };
}
