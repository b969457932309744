import { ArgumentError, UserError } from '@scmoe/errors';
import { configOfSettings } from '@scmoe/gating';
import { isExpertParameter } from '@scmoe/layer';
import { Gpt, gptOptions, type GptConfig, type MoeConfig, type ModelExpertSource } from '@scmoe/models';
import { averagesIn, restoreTokenizer, type Tokenizer, type TokenizerDescription } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import type { StoredExperts } from './StoredExperts.js';

/** Parameters by name, in host memory, as a checkpoint stores them. */
export type StoredParameters = StoredExperts['checkpoint']['parameters'];

/** A language model of a checkpoint, and what makes tokens of text for it. */
export interface StoredLanguageModel {
  model: Gpt;
  tokenizer: Tokenizer;
}

/** Where the experts of a model are. */
export interface OpenModelOptions {
  /** Computes the experts: those of the checkpoint are left out. Default: they are the checkpoint's. */
  expertSource?: ModelExpertSource;
}

/**
 * Makes the language model of a checkpoint. Where the run has averaged its parameters, it has the averages.
 *
 * @returns undefined for a checkpoint of another model: one of images
 * @throws UserError where settings and parameters do not fit each other
 */
export async function openLanguageModel(
  stored: StoredExperts,
  options: OpenModelOptions = {},
): Promise<StoredLanguageModel | undefined> {
  const { checkpoint } = stored;
  const description = checkpoint.dataDescription['tokenizer'] as unknown as TokenizerDescription | undefined;
  if (!description) return undefined;
  const parameters = { ...checkpoint.parameters, ...averagesIn(checkpoint.optimizerState) };
  return { model: languageModelOf(stored, parameters, options), tokenizer: await restoreTokenizer(description) };
}

/**
 * Makes the language model that a checkpoint describes, of other parameters: those of a pruned one.
 *
 * @throws UserError where settings and parameters do not fit each other
 */
export function languageModelOf(
  { checkpoint, moe }: Pick<StoredExperts, 'checkpoint'> & { moe: MoeConfig },
  parameters: StoredParameters,
  { expertSource }: OpenModelOptions = {},
): Gpt {
  const { path, index, dataDescription } = checkpoint;
  const config = {
    ...configOfSettings(gptOptions, index.config),
    vocabSize: dataDescription['vocabSize'] as number,
    moe,
  } as unknown as GptConfig;
  const held = Object.entries(parameters).filter(([name]) => !expertSource || !isExpertParameter(name));
  const tensors = tensorsOf(Object.fromEntries(held));
  try {
    return new Gpt(config, { parameters: tensors, ...(expertSource && { expertSource }) });
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new UserError(`${path}: ${error.message}`, { cause: error });
  } finally {
    tf.dispose(tensors);
  }
}

/** Stored tensors as tensors, the caller's to dispose. */
export function tensorsOf(stored: StoredParameters): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries(stored).map(([name, { data, shape }]) => [
      name,
      tf.tensor(data as Float32Array, [...shape], 'float32'),
    ]),
  );
}
