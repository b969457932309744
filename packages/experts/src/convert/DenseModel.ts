import { access } from 'node:fs/promises';
import { join } from 'node:path';

import { asUserError, UserError } from '@scmoe/errors';
import { configOfSettings } from '@scmoe/gating';
import { isExpertParameter, tensorAxis } from '@scmoe/layer';
import { Gpt, loadPretrained, moeOptions, type MoeConfig, isPretrainedFolder } from '@scmoe/models';
import {
  averagesIn,
  findCheckpoint,
  loadWholeCheckpoint,
  readHuggingFaceTokenizer,
  restoreTokenizer,
  type Checkpoint,
  type Tokenizer,
  type TokenizerDescription,
} from '@scmoe/trainer';

import { languageModelOf } from '../stored/openLanguageModel.js';

/** A dense language model that is stored somewhere. The caller disposes the model. */
export interface DenseModel {
  path: string;
  model: Gpt;
  /** Absent where a public folder has none. */
  tokenizer?: Tokenizer;
  /** The checkpoint that it is of; absent for a public folder. */
  checkpoint?: Checkpoint;
}

/**
 * Opens a dense language model: a checkpoint or run folder of ours, or a folder of Hugging Face transformers. Where the run has
 * averaged its parameters, it has the averages.
 *
 * @throws UserError where there is none, or it has experts
 */
export async function openDense(path: string): Promise<DenseModel> {
  const dense = (await isPretrainedFolder(path)) ? await openPublic(path) : await openRun(path);
  if (dense.model.numExperts === 0) return dense;
  dense.model.dispose();
  throw new UserError(`${dense.path}: expected a dense model, got one with experts.`, { exitCode: 2 });
}

async function openPublic(path: string): Promise<DenseModel> {
  const hasTokenizer = await access(join(path, 'tokenizer.json')).then(
    () => true,
    () => false,
  );
  const tokenizer = hasTokenizer ? await readHuggingFaceTokenizer(path) : undefined;
  const model = await asUserError(() => loadPretrained(path, { as: Gpt }));
  return { path, model, ...(tokenizer && { tokenizer }) };
}

async function openRun(path: string): Promise<DenseModel> {
  const checkpoint = await loadWholeCheckpoint(await findCheckpoint(path), {
    isSharded: isExpertParameter,
    slicedAxis: tensorAxis,
  });
  const description = checkpoint.dataDescription['tokenizer'] as unknown as TokenizerDescription | undefined;
  if (!description) throw new UserError(`${checkpoint.path}: expected a language model, got one of other data.`);
  const moe = configOfSettings(moeOptions, checkpoint.index.config) as unknown as MoeConfig;
  const parameters = { ...checkpoint.parameters, ...averagesIn(checkpoint.optimizerState) };
  const model = languageModelOf({ checkpoint, moe }, parameters);
  return { path: checkpoint.path, model, tokenizer: await restoreTokenizer(description), checkpoint };
}
