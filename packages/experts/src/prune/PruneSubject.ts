import { join } from 'node:path';

import { asUserError, UserError } from '@scmoe/errors';
import { Gpt, loadPretrained, type MoeConfig, isPretrainedFolder } from '@scmoe/models';
import { readHuggingFaceTokenizer, sequentialTokenBatches, type JsonObject, type TokenSequence } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import {
  openLanguageModel,
  tensorsOf,
  type StoredLanguageModel,
  type StoredParameters,
} from '../stored/openLanguageModel.js';
import { openText, readText, type ModelText } from '../stored/openText.js';
import { readJson, savePublic } from '../stored/publicFolder.js';
import { saveExperts } from '../stored/saveExperts.js';
import { expectOwnRouters, openStoredExperts, type StoredExperts } from '../stored/StoredExperts.js';
import type { KeptExperts } from './chooseExperts.js';
import { prunedModel } from './prunedModel.js';
import { prunedTensors, type PruneMode } from './prunedTensors.js';

/** Experts that are pruned: of a run, or of a folder of Hugging Face transformers. */
export interface PruneSubject {
  checkpoint: { path: string; parameters: StoredParameters };
  moe: MoeConfig & { numExperts: number };
  layers: readonly string[];
  /** Absent for a model of images; without a tokenizer where a public folder has none. The caller disposes the model. */
  language?: Partial<StoredLanguageModel> & { model: Gpt };
  /** A text for the model, its own by default. */
  text(path: string | undefined): Promise<ModelText | undefined>;
  batches(sequence: TokenSequence, maxBatches: number): ReturnType<typeof sequentialTokenBatches>;
  /** The model without the other experts; the caller disposes it. */
  without(kept: KeptExperts, mode: PruneMode): Gpt;
  /** Writes it, whole or not at all, and gives the place. */
  save(kept: KeptExperts, written: { out: string; mode: PruneMode; file: string; report: JsonObject }): Promise<string>;
}

/** @throws UserError where there is no model with experts */
export async function openPruneSubject(path: string): Promise<PruneSubject> {
  if (await isPretrainedFolder(path)) return openPublic(path);
  const stored = await openStoredExperts(path);
  expectOwnRouters(stored, 'pruned');
  return ofRun(stored);
}

async function ofRun(stored: StoredExperts): Promise<PruneSubject> {
  const language = await openLanguageModel(stored);
  const { batchSize, sequenceLength } = stored.checkpoint.index.config as { batchSize: number; sequenceLength: number };
  return {
    ...stored,
    ...(language && { language }),
    text: async (path) => language && openText(stored, language.tokenizer, path),
    batches: (sequence, maxBatches) => sequentialTokenBatches(sequence, { batchSize, sequenceLength, maxBatches }),
    without: (kept, mode) => prunedModel(stored, kept, mode),
    save: (order, written) => saveExperts(stored, { order, ...written }),
  };
}

/** Longer texts of a public model are read in windows of so many tokens. */
const publicWindow = 512;

async function openPublic(path: string): Promise<PruneSubject> {
  const tokenizer = await readHuggingFaceTokenizer(path).catch((error: unknown) => {
    // Needed for a text alone.
    if (error instanceof UserError) return undefined;
    throw error;
  });
  const model = await asUserError(() => loadPretrained(path, { as: Gpt }));
  const { model_type: modelType } = (await readJson(join(path, 'config.json'))) as { model_type: string };
  const { numExperts } = model;
  if (numExperts === 0) {
    model.dispose();
    throw new UserError(`${path}: expected a model with routed experts, got one of none.`);
  }
  const moe = { ...model.config.moe!, numExperts };
  const parameters = inMemory({ ...model.variables, ...model.buffers });
  const without = (kept: KeptExperts, mode: PruneMode) => {
    const tensors = tensorsOf(prunedTensors(parameters, kept, { numExperts, mode }));
    const left = mode === 'remove' ? Object.values(kept)[0]!.length : numExperts;
    try {
      return new Gpt({ ...model.config, moe: { ...moe, numExperts: left } }, { parameters: tensors });
    } finally {
      tf.dispose(tensors);
    }
  };
  return {
    ...{ checkpoint: { path, parameters }, moe, without },
    layers: Object.keys(parameters).flatMap((name) => /^(.*)\.router\.(weight|similarity)$/.exec(name)?.[1] ?? []),
    language: { model, ...(tokenizer && { tokenizer }) },
    text: async (given) => {
      if (given === undefined) return undefined;
      if (tokenizer) return readText(given, tokenizer);
      throw new UserError(`${path}: expected a tokenizer.json beside the model, got none.`);
    },
    batches: (sequence, maxBatches) => {
      const { sequenceLength: longest } = model.config;
      const sequenceLength = Math.min(longest, publicWindow, sequence.ids.length - 1);
      return sequentialTokenBatches(sequence, { batchSize: 1, sequenceLength, maxBatches });
    },
    save: async (kept, { mode, ...written }) => {
      const pruned = without(kept, mode);
      try {
        return await savePublic(pruned, { from: path, modelType, ...written });
      } finally {
        pruned.dispose();
      }
    },
  };
}

function inMemory(variables: Record<string, tf.Variable>): StoredParameters {
  return Object.fromEntries(
    Object.entries(variables).map(([name, variable]) => {
      const data = variable.dataSync<'float32'>().slice();
      return [name, { dtype: 'F32', shape: [...variable.shape], data }] as const;
    }),
  );
}
