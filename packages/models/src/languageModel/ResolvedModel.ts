import type { ResolvedStages } from '../stages/resolveStages.js';
import type { ModelStage } from '../stages/runStage.js';

/** What a language model is made of. */
export interface ResolvedModel extends Omit<ResolvedStages, 'placement' | 'stages'> {
  vocabSize: number;
  dModel: number;
  sequenceLength: number;
  positions: 'learned' | 'rotary';
  tiedEmbeddings: boolean;
  stages: readonly ModelStage[];
  /** Outputs that are added to the residual stream, one after the other. */
  residualAdditions: number;
}
