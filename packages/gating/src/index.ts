export type { CapacityOrder, DispatchPlan, DropPolicy } from '@scmoe/tensor';
export { expertCapacity, type CapacityOptions } from './expertCapacity.js';
export { loadBalanceLoss } from './loadBalanceLoss.js';
export type { Router, Routing } from './Router.js';
export { routeTokens, type RouteTokensOptions } from './routeTokens.js';
export { describeLoad, routingStatistics, type RoutingStatistics } from './routingStatistics.js';
