import type { Gpt } from '@scmoe/models';
import { averagesIn } from '@scmoe/trainer';

import { languageModelOf } from '../stored/openLanguageModel.js';
import type { StoredExperts } from '../stored/StoredExperts.js';
import type { KeptExperts } from './chooseExperts.js';
import { prunedTensors, type PruneMode } from './prunedTensors.js';

/** The model of a checkpoint without some of its experts; the caller disposes it. @throws UserError where it is none of text */
export function prunedModel(stored: StoredExperts, kept: KeptExperts, mode: PruneMode = 'remove'): Gpt {
  const { checkpoint, moe } = stored;
  const parameters = { ...checkpoint.parameters, ...averagesIn(checkpoint.optimizerState) };
  const numKept = mode === 'remove' ? Object.values(kept)[0]!.length : moe.numExperts;
  const pruned = prunedTensors(parameters, kept, { numExperts: moe.numExperts, mode });
  return languageModelOf({ checkpoint, moe: { ...moe, numExperts: numKept } }, pruned);
}
