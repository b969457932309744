import { countParameters } from '@scmoe/layer';

import type { ResolvedGpt } from './GptConfig.js';
import { gptSpecs } from './gptSpecs.js';

/** What a GPT costs, by arithmetic. */
export interface GptCosts {
  numParameters: number;
  /** Without the experts that a token does not visit. */
  numActiveParameters: number;
  /** Floating-point operations of forward and backward, per token of a full sequence. */
  flopsPerToken: number;
}

/**
 * Sizes of a GPT from its configuration alone. FLOPs as in PaLM, appendix B: 6 for each active parameter (a multiply and
 * an add forward, twice that backward), lookups of embeddings and positions left out, plus attention's
 * 12 * numLayers * dModel * sequenceLength, which counts the whole square although a causal kernel computes half of it.
 */
export function gptCosts(config: ResolvedGpt): GptCosts {
  const { numLayers, dModel, sequenceLength, tiedEmbeddings, pairs } = config;
  const specs = gptSpecs(config);
  const count = (accept: (name: string) => boolean) =>
    countParameters(Object.fromEntries(Object.entries(specs).filter(([name]) => accept(name))));

  const numParameters = count(() => true);
  const idle = pairs.reduce((sum, { moe }, index) => {
    if (!moe) return sum;
    const ofExperts = count((name) => name.startsWith(`block${index}.experts.`));
    return sum + ofExperts * (1 - moe.topK / moe.numExperts);
  }, 0);
  const numActiveParameters = numParameters - idle;
  // A tied embedding is the head's matrix as well, and multiplies there.
  const lookedUp = count((name) => name === 'positions' || (name === 'embedding' && !tiedEmbeddings));
  const attention = 12 * numLayers * dModel * sequenceLength;
  return { numParameters, numActiveParameters, flopsPerToken: 6 * (numActiveParameters - lookedUp) + attention };
}
