import type { NormKind } from '@scmoe/layer';

import type { ResolvedRouterAhead } from '../routerAhead/RouterAheadConfig.js';
import type { ResolvedModelLosses } from '../stages/modelLosses.js';
import type { ModelStage } from '../stages/runStage.js';

/** What a causal language model is made of, every option decided. */
export interface ResolvedLanguageModel {
  vocabSize: number;
  /** Attentions, each with what follows it. */
  numLayers: number;
  dModel: number;
  sequenceLength: number;
  positionEncoding: 'learned' | 'rotary';
  tiedEmbeddings: boolean;
  /** Factor on the embeddings, and what the logits are divided by; 1 by default. */
  embeddingScale?: number;
  logitsDivisor?: number;
  /** A bias on the logits, behind that division; false by default. */
  headBias?: boolean;
  norm: NormKind;
  normEpsilon: number;
  dropout: number;
  routerLosses: ResolvedModelLosses;
  stages: readonly ModelStage[];
  /** The router before the first block; absent where each block has its own. */
  routerAhead?: ResolvedRouterAhead;
}
