export type { CapacityOrder, DispatchPlan, DropPolicy, ScoreFunction } from '@scmoe/tensor';
export { expertCapacity, type CapacityOptions } from './config/expertCapacity.js';
export {
  resolveRouter,
  type LogitFunction,
  type GroupScore,
  type ResolvedRouter,
  type RouterConfig,
  type RoutingDirection,
} from './config/RouterConfig.js';
export { isRouterBuffer, routerSpecs, routerStreams, type RouterParameterSpec } from './config/routerSpecs.js';
export { recordRouting, type RoutingTrace } from './gate/RoutingTrace.js';
export { importanceLoss, type ImportanceOptions } from './losses/importanceLoss.js';
export { loadBalanceLoss } from './losses/loadBalanceLoss.js';
export { loadLoss } from './losses/loadLoss.js';
export { sequenceBalanceLoss } from './losses/sequenceBalanceLoss.js';
export { zLoss } from './losses/zLoss.js';
export type { Routing } from './Routing.js';
export { routeTokens, type RouteContext } from './routeTokens.js';
export { describeLoad, routingStatistics, type RoutingStatistics } from './routingStatistics.js';
export { updateCorrectionBias, type CorrectionBiasOptions } from './updateCorrectionBias.js';
