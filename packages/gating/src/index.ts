export type { CapacityOrder, DispatchPlan, DropPolicy, ScoreFunction } from '@scmoe/tensor';
export { balanceQuantiles } from './balanceQuantiles.js';
export {
  correctionBiasOptions,
  type CorrectionBiasConfig,
  type ResolvedCorrectionBias,
} from './config/correctionBiasOptions.js';
export { expectBiasRule } from './expectBiasRule.js';
export { expertCapacity, type CapacityOptions } from './config/expertCapacity.js';
export { resolveRouter } from './config/resolveRouter.js';
export { routerOptions, type ResolvedRouter, type RouterConfig } from './config/routerOptions.js';
export { isRouterBuffer, routerSpecs, routerStreams, type RouterParameterSpec } from './config/routerSpecs.js';
export { recordRouting, type RoutingTrace } from './router/RoutingTrace.js';
export type { WholeBatch } from './losses/LossSums.js';
export { importanceLoss, type ImportanceOptions } from './losses/importanceLoss.js';
export { loadBalanceLoss } from './losses/loadBalanceLoss.js';
export { loadLoss } from './losses/loadLoss.js';
export {
  resolveRouterLosses,
  routerLosses,
  routerLossOptions,
  weightedRouterLosses,
  type RouterLossContext,
  type ResolvedRouterLosses,
  type RouterLossConfig,
  type RouterLossName,
} from './losses/routerLosses.js';
export { sequenceBalanceLoss } from './losses/sequenceBalanceLoss.js';
export { zLoss } from './losses/zLoss.js';
export type { OptionSpec, OptionSpecs, OptionsOf, ResolvedOptions } from './options/OptionSpec.js';
export { allowedText, isAllowed } from './options/allowed.js';
export { omitOptions, pickOptions } from './options/pickOptions.js';
export { configOfSettings, flagOf, kebabCase, settingOf } from './options/settingsOf.js';
export { resolveOptions, type ResolveContext } from './options/resolveOptions.js';
export type { Routing } from './Routing.js';
export { jitterTokens } from './router/jitterTokens.js';
export { routeTokens, type RouteContext } from './routeTokens.js';
export { describeLoad, routingStatistics, type RoutingStatistics } from './routingStatistics.js';
export { updateCorrectionBias, type CorrectionBiasOptions } from './updateCorrectionBias.js';
