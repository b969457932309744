import { normSpecs, under, type ParameterSpecs, type ShardOptions } from '@scmoe/layer';

import type { ResolvedLanguageModel } from './ResolvedLanguageModel.js';
import { routerAheadSpecs } from '../routerAhead/routerAheadSpecs.js';
import { stageSpecs } from '../stages/runStage.js';

/** Names, shapes and starting points of all parameters of a language model, with all experts or those of a shard. */
export function languageModelSpecs(config: ResolvedLanguageModel, options: ShardOptions = {}): ParameterSpecs {
  const { vocabSize, dModel, sequenceLength, positionEncoding, tiedEmbeddings, norm, stages, routerAhead, headBias } =
    config;
  return {
    embedding: { shape: [vocabSize, dModel], initial: 'normal' },
    ...(positionEncoding === 'learned' && { positions: { shape: [sequenceLength, dModel], initial: 'normal' } }),
    ...(routerAhead && routerAheadSpecs(dModel, routerAhead)),
    ...(Object.assign({}, ...stages.map((stage) => stageSpecs(stage, options))) as ParameterSpecs),
    ...under('normFinal', normSpecs(dModel, norm)),
    ...(!tiedEmbeddings && { 'head.weight': { shape: [dModel, vocabSize], initial: 'normal' } }),
    ...(headBias && { 'head.bias': { shape: [vocabSize], initial: 'zeros' } }),
  };
}
