import type { ResolvedRouter } from '@scmoe/gating';

import { routerAheadName, type ResolvedRouterAhead } from '../routerAhead/RouterAheadConfig.js';
import type { ModelStage } from './runStage.js';

/** A router of a model. */
export interface ModelRouter {
  /** What its parameters are below: `block0.router`. */
  name: string;
  config: ResolvedRouter;
  /** Whether it makes two routings in a pass (DGMoE). */
  choosesTwice: boolean;
}

/** The routers of a model, in the order of their routings: one of each stage with experts, or the one before all. */
export function modelRouters({
  stages,
  routerAhead,
}: {
  stages: readonly ModelStage[];
  routerAhead?: ResolvedRouterAhead;
}): ModelRouter[] {
  if (routerAhead) return [{ name: `${routerAheadName}.router`, config: routerAhead.router, choosesTwice: false }];
  return stages.flatMap(({ name, config: { moe } }) =>
    moe ? [{ name: `${name}.router`, config: moe, choosesTwice: moe.dual }] : [],
  );
}

/** What the routings of a pass are of, in their order: `block1.router`, `block1.router (2 of 2)`. */
export function routerNames(routers: readonly ModelRouter[]): string[] {
  return routers.flatMap(({ name, choosesTwice }) =>
    choosesTwice ? [`${name} (1 of 2)`, `${name} (2 of 2)`] : [name],
  );
}

/** The stages through whose experts tokens go in a pass, in that order; one of DGMoE, whose tokens go twice, twice. */
export function expertPasses(stages: readonly ModelStage[]): string[] {
  return stages.flatMap(({ name, config: { moe } }) => (moe ? (moe.dual ? [name, name] : [name]) : []));
}
