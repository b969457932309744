import { countParameters } from '@scmoe/layer';

import { idleParameters } from '../stages/idleParameters.js';
import type { ModelStage } from '../stages/runStage.js';
import { languageModelSpecs } from './languageModelSpecs.js';
import type { ResolvedLanguageModel } from './ResolvedLanguageModel.js';

/** Sizes of a language model, by arithmetic. */
export interface LanguageModelCosts {
  numParameters: number;
  /** Parameters without the experts that a token does not visit. */
  numActiveParameters: number;
  /** Floating-point operations of forward and backward, per token of a full sequence. */
  flopsPerToken: number;
  /** Bytes that training keeps for the backward pass of each token at the least: the outputs of all blocks. */
  leastBytesPerToken: number;
}

/**
 * Sizes of a language model from its configuration alone. FLOPs as in PaLM, appendix B: 6 for each active parameter (a multiply and
 * an add forward, twice that backward), lookups of embeddings and positions left out, plus attention's
 * 12 * width of its heads * sequenceLength (or its window) for each, which counts the whole square although a causal kernel computes half of it.
 * A gated delta network has 18 for each element of its states instead: it takes from them, adds to them and reads them.
 */
export function languageModelCosts(config: ResolvedLanguageModel): LanguageModelCosts {
  const { dModel, numLayers, sequenceLength, tiedEmbeddings, stages, routerAhead } = config;
  const specs = languageModelSpecs(config);
  const count = (accept: (name: string) => boolean) =>
    countParameters(Object.fromEntries(Object.entries(specs).filter(([name]) => accept(name))));

  const numParameters = count(() => true);
  const numActiveParameters = numParameters - idleParameters(stages, specs);
  // A tied embedding is the head's matrix as well, and multiplies there.
  const lookedUp = count((name) => name === 'positions' || (name === 'embedding' && !tiedEmbeddings));
  const attending = [...stages, ...(routerAhead ? [routerAhead.stage] : [])];
  const attention = attending.reduce((sum, stage) => sum + attentionFlops(stage, sequenceLength), 0);
  return {
    numParameters,
    numActiveParameters,
    flopsPerToken: 6 * (numActiveParameters - lookedUp) + attention,
    leastBytesPerToken: 4 * numLayers * dModel,
  };
}

/** Operations of all attentions of a stage for one token, besides those with parameters. */
function attentionFlops(stage: ModelStage, sequenceLength: number): number {
  const { kind, config } = stage;
  if (!config.gatedDelta) return 12 * attentionWidth(stage) * seenBy(stage, sequenceLength);
  const { numValueHeads, keyHeadDim, valueHeadDim } = config.gatedDelta;
  return (kind === 'block' ? 1 : 2) * 18 * numValueHeads * keyHeadDim * valueHeadDim;
}

/** Components of all heads of all attentions of a stage; of latent ones the mean of those of keys and values. */
function attentionWidth({ kind, config }: ModelStage): number {
  const attentions = kind === 'block' ? 1 : 2;
  const { numHeads, headSize, latent } = config;
  if (!latent) return attentions * numHeads * headSize;
  const { qkNopeHeadDim, qkRopeHeadDim, vHeadDim } = latent;
  return (attentions * numHeads * (qkNopeHeadDim + qkRopeHeadDim + vHeadDim)) / 2;
}

/** Tokens that a token's attention covers: those of the sequence, or of a window. */
function seenBy({ config: { window = Infinity } }: ModelStage, sequenceLength: number): number {
  return Math.min(window, sequenceLength);
}
