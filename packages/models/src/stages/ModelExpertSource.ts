import type { Routing } from '@scmoe/gating';
import type { ExpertSource, ParameterRecord, StageExecution } from '@scmoe/layer';

import type { ModelStage } from './runStage.js';

/** What computes the experts of a stage, and the order of its operators. */
export interface StageExperts {
  source: ExpertSource;
  /** Orders the operators of the stage, so that what is fetched has time to come. Default: sequentially. */
  plan?: StageExecution['plan'];
}

/** What computes all routed experts of a model, where their weights are not among its parameters. */
export interface ModelExpertSource {
  /**
   * The source of stage `index`, asked for in each pass.
   *
   * @param model its stages, and its parameters without experts
   */
  stage(index: number, model: { stages: readonly ModelStage[]; parameters: ParameterRecord }): StageExperts;
  /**
   * Hears where the tokens of a pass go in every layer, before the first: of a model with a router ahead.
   *
   * @param model as for `stage`
   */
  routeAhead?(routing: Routing, model: { stages: readonly ModelStage[]; parameters: ParameterRecord }): void;
}
