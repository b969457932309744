import { gateSpecs, normSpecs, under, type ParameterSpecs } from '@scmoe/layer';

import { stageSpecs } from '../stages/runStage.js';
import { routerAheadName, type ResolvedRouterAhead } from './RouterAheadConfig.js';

/** Parameters of a router before the first block of a model of this width. */
export function routerAheadSpecs(dModel: number, { width, stage, router }: ResolvedRouterAhead): ParameterSpecs {
  return {
    [`${routerAheadName}.projection.weight`]: { shape: [dModel, width], initial: 'normal' },
    ...stageSpecs(stage, {}),
    ...under(`${routerAheadName}.norm`, normSpecs(width, stage.config.norm)),
    ...under(`${routerAheadName}.router`, gateSpecs(width, router)),
  };
}
