import type { JsonObject } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { prunedTensors, type PruneMode } from '../prune/prunedTensors.js';
import { tensorsOf } from './openLanguageModel.js';
import { saveRun } from './saveRun.js';
import type { StoredExperts } from './StoredExperts.js';

/** What is written of a checkpoint. */
export interface SaveOptions {
  /** The experts of each layer that the new one has, in their order there. */
  order: Record<string, number[]>;
  /** A folder that does not exist yet. */
  out: string;
  /** What becomes of the other experts; they are removed by default. */
  mode?: PruneMode;
  /** The name of the file that says what was done, and what it says. */
  file: string;
  report: JsonObject;
}

/**
 * Writes a run folder with a checkpoint that has other experts, or the same in another order: to evaluate, to sample from and
 * to train on. The folder is whole or absent; what it is made from stays as it is.
 *
 * @returns the folder of the checkpoint
 * @throws UserError where the folder exists, or can't be written
 */
export async function saveExperts(
  { checkpoint, moe }: StoredExperts,
  { order, out, mode = 'remove', file, report }: SaveOptions,
): Promise<string> {
  const { step, config: given, dataFingerprint, optimizer } = checkpoint.index;
  const numExperts = mode === 'remove' ? Object.values(order)[0]!.length : moe.numExperts;
  const selection = { numExperts: moe.numExperts, mode };
  const parameters = tensorsOf(prunedTensors(checkpoint.parameters, order, selection));
  const state = tensorsOf(prunedTensors(checkpoint.optimizerState, order, selection));
  try {
    return await saveRun({
      ...{ out, file, report },
      checkpoint: {
        step,
        config: { ...given, numExperts },
        dataFingerprint,
        dataDescription: checkpoint.dataDescription,
        parameters,
        optimizer: { ...optimizer, state },
      },
    });
  } finally {
    tf.dispose([parameters, state]);
  }
}
