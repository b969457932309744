import { normSpecs, under, type ParameterSpecs, type ShardOptions } from '@scmoe/layer';

import { stageSpecs } from '../stages/runStage.js';
import { convStemSpecs } from './convStem.js';
import type { ResolvedVit } from './VitConfig.js';

/** Names, shapes and starting points of all parameters of a ViT, with all experts or those of a shard. */
export function vitSpecs(config: ResolvedVit, options: ShardOptions = {}): ParameterSpecs {
  const { patchSize, numChannels, numClasses, dModel, sequenceLength, pooling, norm, stages, stem } = config;
  const patchWidth = stem === 'patches' ? numChannels * patchSize ** 2 : dModel;
  return {
    ...(stem === 'convolutions' && convStemSpecs(config)),
    'patch.weight': { shape: [patchWidth, dModel], initial: 'normal' },
    'patch.bias': { shape: [dModel], initial: 'zeros' },
    ...(pooling === 'class' && { classToken: { shape: [dModel], initial: 'normal' } }),
    positions: { shape: [sequenceLength, dModel], initial: 'normal' },
    ...(Object.assign({}, ...stages.map((stage) => stageSpecs(stage, options))) as ParameterSpecs),
    ...under('normFinal', normSpecs(dModel, norm)),
    'head.weight': { shape: [dModel, numClasses], initial: 'normal' },
    'head.bias': { shape: [numClasses], initial: 'zeros' },
  };
}
