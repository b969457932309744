import { normSpecs, pairSpecs, under, type ParameterSpecs, type ShardOptions } from '@scmoe/layer';

import type { ResolvedGpt } from './GptConfig.js';

/** Names, shapes and starting points of all parameters of a GPT, with all experts or those of a shard. */
export function gptSpecs(config: ResolvedGpt, { experts }: ShardOptions = {}): ParameterSpecs {
  const { vocabSize, dModel, sequenceLength, positions, tiedEmbeddings, norm, pairs } = config;
  const blocks = pairs.map((pair, index) => under(`block${index}`, pairSpecs(pair, { experts })));
  return {
    embedding: { shape: [vocabSize, dModel], initial: 'normal' },
    ...(positions === 'learned' && { positions: { shape: [sequenceLength, dModel], initial: 'normal' } }),
    ...(Object.assign({}, ...blocks) as ParameterSpecs),
    ...under('normFinal', normSpecs(dModel, norm)),
    ...(!tiedEmbeddings && { 'head.weight': { shape: [dModel, vocabSize], initial: 'normal' } }),
  };
}
