import * as tf from '@tensorflow/tfjs';

import { version } from '../version.js';
import type { CheckpointIndex, JsonObject } from './CheckpointIndex.js';
import type { CheckpointPart } from './CheckpointPart.js';

/** What a checkpoint holds. */
export interface CheckpointContent {
  /** Updates done. */
  step: number;
  config: JsonObject;
  dataFingerprint: string;
  /** What a model has to know of its data besides their values: a tokenizer, or the names of classes. */
  dataDescription: JsonObject;
  /** Loss on the validation split after this very step, where it was evaluated: what `keepBest` goes by. */
  validationLoss?: number;
  /** Whose part of the training this is, where each rank saves its own. */
  part?: CheckpointPart;
  parameters: Record<string, tf.Tensor>;
  optimizer: {
    name: string;
    stepCount: number;
    state: Record<string, tf.Tensor>;
    /** Slots of the state that are kept in two bytes a number, as `Optimizer` tells them. */
    bfloat16Slots?: readonly string[];
  };
}

/** The index of a checkpoint, but for its files. */
export function indexOf(content: CheckpointContent): Omit<CheckpointIndex, 'files'> {
  const { step, config, dataFingerprint, optimizer, validationLoss, part } = content;
  return {
    format: 'scmoe-checkpoint',
    version: 2,
    step,
    created: new Date().toISOString(),
    versions: { trainer: version, node: process.versions.node },
    backend: tf.getBackend(),
    config,
    dataFingerprint,
    // JSON has no other numbers, and such a loss is not the best of anything.
    ...(Number.isFinite(validationLoss) && { validationLoss: validationLoss! }),
    optimizer: { name: optimizer.name, stepCount: optimizer.stepCount },
    ...(part && { part }),
  };
}

/** What each safetensors file of it says in its header. */
export function tensorMetadata({ step }: CheckpointContent): Record<string, string> {
  return { format: 'scmoe', step: String(step) };
}
