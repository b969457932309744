import { asUserError, UserError } from '@scmoe/errors';
import { generationTokens, isPretrainedFolder, LanguageModel, loadAdapter, loadPretrained } from '@scmoe/models';
import {
  openTrainedModel,
  type OpenedExperts,
  type OpenedModel,
  type RankPlace,
  type RuntimeOptions,
  say,
  startBackend,
  type Terminal,
} from '@scmoe/run';
import { type JsonObject, readHuggingFaceTokenizer, restoreTokenizer, type Tokenizer } from '@scmoe/trainer';

import type { DataDescription } from './data/loadData.js';
import type { LanguageTypes } from './LanguageTypes.js';
import type { Settings } from './options/Settings.js';
import { program } from './program.js';

/** What the checkpoint of a model keeps of its data. */
export function descriptionIn({ checkpoint }: OpenedModel<LanguageTypes>): DataDescription {
  return checkpoint.dataDescription as unknown as DataDescription;
}

/** How a model is opened. */
export interface OpenOptions extends RuntimeOptions {
  /** Folder of PEFT with an adapter, which is merged; for folders of transformers. */
  adapter?: string;
  /** Path of a tokenizer.json in place of the folder's own, or of the one in or beside a file of GGUF. */
  tokenizer?: string;
  /** The experts that this rank holds, of those that generate together. Default: all. */
  shard?: RankPlace;
}

/** A model with its tokenizer, and which tokens end and begin its texts. */
export interface OpenedLanguageModel extends OpenedModel<LanguageTypes> {
  tokenizer: Tokenizer;
  endTokens: readonly number[];
  /** Whether prompts begin with what the tokenizer puts before a text. */
  addSpecialTokens: boolean;
}

/** Loads the model of a checkpoint or run folder, of a folder of transformers, or of a file of GGUF, with its tokenizer, and says what it took. */
export async function openLanguageModel(
  path: string,
  options: OpenOptions,
  terminal: Terminal,
  experts?: OpenedExperts,
): Promise<OpenedLanguageModel> {
  const isPublic = path !== 'latest' && (await isPretrainedFolder(path));
  if (isPublic && experts) throw storeOfPublicModel(path);
  expectTokenizerFor(path, { isPublic, ...options });
  const trained = isPublic
    ? await openPretrained(path, options, terminal)
    : await openTrainedModel(program, path, options, terminal, experts, options.shard);
  const { model } = trained;
  model.mergeAdapter();
  const tokenizer = await restoreTokenizer(descriptionIn(trained).tokenizer);
  const own = tokenizer.endOfText === undefined ? [] : [tokenizer.endOfText];
  return { ...trained, tokenizer, endTokens: [...generationTokens(model).eos, ...own], addSpecialTokens: isPublic };
}

/** A folder of transformers or a file of GGUF, with the settings that measuring it needs. */
export async function openPretrained(
  path: string,
  options: OpenOptions,
  terminal: Terminal,
): Promise<OpenedModel<LanguageTypes>> {
  say(terminal, await startBackend(options));
  const { model, tokenizer } = await asUserError(async () => {
    const found = await readHuggingFaceTokenizer(options.tokenizer ?? path);
    const loaded = await loadPretrained(path, {
      as: LanguageModel,
      ...(options.shard && { experts: options.shard }),
    });
    if (options.adapter !== undefined) await loadAdapter(loaded, options.adapter);
    return { model: loaded, tokenizer: found };
  });
  const from = options.adapter === undefined ? '' : `, with the adapters of ${options.adapter}`;
  say(terminal, `model: ${path}${from}`);
  const description: DataDescription = { tokenizer: tokenizer.description, vocabSize: tokenizer.vocabSize };
  const { sequenceLength } = model.config as { sequenceLength: number };
  const settings = { batchSize: 4, sequenceLength: Math.min(sequenceLength, 256), validationFraction: 0.1 };
  const checkpoint = { path, dataDescription: description as unknown as JsonObject };
  return { model, settings: settings as Settings, checkpoint };
}

/** @throws UserError where a tokenizer is named for a run, which has its own */
export function expectTokenizerFor(
  path: string,
  { isPublic, tokenizer }: Pick<OpenOptions, 'tokenizer'> & { isPublic: boolean },
): void {
  if (isPublic || tokenizer === undefined) return;
  throw new UserError(`${path}: expected no --tokenizer, for a run has its own.`, { exitCode: 2 });
}

function storeOfPublicModel(path: string): UserError {
  return new UserError(
    `${path}: expected a run or checkpoint of lm-train beside a store of experts, got a folder of transformers.`,
    { exitCode: 2 },
  );
}
