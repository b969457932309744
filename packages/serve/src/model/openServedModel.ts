import { basename, resolve } from 'node:path';

import { UserError } from '@scmoe/errors';
import { pickOptions } from '@scmoe/gating';
import { isExpertParameter, tensorAxis } from '@scmoe/layer';
import {
  createLanguageModel,
  generationTokens,
  Gpt,
  gptOptions,
  isPretrainedFolder,
  LanguageModel,
  loadPretrained,
  moeOptions,
  type GptConfig,
  type LanguageModelDescription,
  type LongcatFlash,
  type ModelExpertSource,
} from '@scmoe/models';
import type { WeightFormat } from '@scmoe/tensor';
import {
  averagesIn,
  type Checkpoint,
  findCheckpoint,
  loadWholeCheckpoint,
  readHuggingFaceTokenizer,
  restoreTokenizer,
  restoreVariables,
  type TokenizerDescription,
} from '@scmoe/trainer';

import { readChatTemplate } from '../chat/readChatTemplate.js';
import type { ServedModel } from './ServedModel.js';

/** How a folder is opened. */
export interface OpenOptions {
  /** Name under which clients ask for the model. Default: that of the folder. */
  name?: string;
  /** File with a chat template in place of the folder's own. */
  chatTemplateFile?: string;
  /** Path of a tokenizer.json or its folder in place of the one of a folder of transformers, or in or beside a file of GGUF. */
  tokenizerPath?: string;
  /** What the matrices are rounded to and kept in. Default: float32, as they are. */
  weightFormat?: WeightFormat;
  /** The experts of the model, where they are not taken from the folder but from a disk while the model runs. */
  experts?: ServedExperts;
}

/** The experts of a model beside its checkpoint: a store that @scmoe/experts has opened. */
export interface ServedExperts {
  source: ModelExpertSource;
  /** @throws UserError where they are those of another checkpoint */
  expectPackedFrom(checkpoint: Checkpoint): void;
  /** @throws UserError where they are those of another folder of Hugging Face transformers */
  expectPackedFromFolder(path: string): Promise<void>;
}

/**
 * Opens a folder as a model that can be served: a run folder or checkpoint of `lm-train`, or a folder of Hugging Face
 * transformers with its tokenizer, or a file of GGUF, whose own vocabulary serves where no tokenizer.json lies beside it.
 *
 * @throws UserError, PretrainedError or SafetensorsError where the folder is neither, or damaged
 */
export async function openServedModel(
  folder: string,
  {
    name = basename(resolve(folder)),
    chatTemplateFile,
    tokenizerPath,
    weightFormat = 'float32',
    experts,
  }: OpenOptions = {},
): Promise<ServedModel> {
  const isPublic = await isPretrainedFolder(folder);
  if (!isPublic && tokenizerPath !== undefined)
    throw new UserError(`${folder}: expected no other tokenizer, for a run has its own.`, { exitCode: 2 });
  const opened = isPublic
    ? await openPublic(folder, { tokenizerPath, weightFormat, experts })
    : await openRun(folder, { weightFormat, experts });
  const template = await readChatTemplate(folder, opened.tokenizer, chatTemplateFile);
  return { name, ...opened, ...(template && { chatTemplate: template }) };
}

/** A folder of transformers, or a file of GGUF. */
async function openPublic(
  folder: string,
  {
    tokenizerPath = folder,
    weightFormat,
    experts,
  }: { tokenizerPath: string | undefined; weightFormat: WeightFormat; experts: ServedExperts | undefined },
): Promise<Omit<ServedModel, 'name'>> {
  const tokenizer = await readHuggingFaceTokenizer(tokenizerPath);
  await experts?.expectPackedFromFolder(folder);
  const read = { weightFormat, ...(experts && { expertSource: experts.source }) };
  const model = await loadPretrained(folder, { as: LanguageModel, ...read });
  const ends = [...generationTokens(model).eos, ...(tokenizer.endOfText === undefined ? [] : [tokenizer.endOfText])];
  return { model, tokenizer, endTokens: knownTokens(model, ends), addSpecialTokens: true };
}

/** A run folder or checkpoint of ours. */
async function openRun(
  path: string,
  { weightFormat, experts }: { weightFormat: WeightFormat; experts: ServedExperts | undefined },
): Promise<Omit<ServedModel, 'name'>> {
  const checkpoint = await loadWholeCheckpoint(await findCheckpoint(path), {
    isSharded: isExpertParameter,
    slicedAxis: tensorAxis,
    ...(experts && { skip: isExpertParameter }),
  });
  experts?.expectPackedFrom(checkpoint);
  const described = checkpoint.dataDescription as {
    tokenizer?: TokenizerDescription;
    vocabSize?: number;
    model?: LanguageModelDescription;
  };
  if (typeof described.tokenizer !== 'object' || typeof described.vocabSize !== 'number')
    throw new UserError(`${checkpoint.path}: expected the checkpoint of a language model, with its tokenizer.`);
  const tokenizer = await restoreTokenizer(described.tokenizer);
  const model = modelOf(checkpoint, described.vocabSize, { described: described.model, experts });
  const parameters = { ...checkpoint.parameters, ...averagesIn(checkpoint.optimizerState) };
  restoreVariables({ ...model.variables, ...model.buffers }, parameters);
  model.mergeAdapter();
  model.storeWeights(weightFormat);
  const ends = [...generationTokens(model).eos, ...(tokenizer.endOfText === undefined ? [] : [tokenizer.endOfText])];
  // Documents of a run are encoded without what a tokenizer would put around them.
  return { model, tokenizer, endTokens: knownTokens(model, ends), addSpecialTokens: false };
}

/** The model that a run has started from, or a GPT of the settings of lm-train, which have the names of its options. */
function modelOf(
  { path, index, parameters }: Checkpoint,
  vocabSize: number,
  { described, experts }: { described: LanguageModelDescription | undefined; experts: ServedExperts | undefined },
): Gpt | LongcatFlash {
  const settings = index.config as Record<string, unknown>;
  const numValues = Object.values(parameters).reduce((sum, { data }) => sum + data.length, 0);
  const numTensors = Object.keys(parameters).length;
  // Sizes say what is allocated, whoever has written them: no more than the checkpoint has.
  if (typeof settings['numLayers'] === 'number' && settings['numLayers'] > numTensors)
    throw new UserError(
      `${path}: checkpoint.json: config: numLayers: expected at most ${numTensors}, as many as the checkpoint has tensors, got ${settings['numLayers']}.`,
    );
  const config = {
    ...pickOptions(settings, gptOptions),
    vocabSize,
    moe: pickOptions(settings, moeOptions),
  } as unknown as GptConfig;
  try {
    const initial = { seed: 0, maxValues: numValues, ...(experts && { expertSource: experts.source }) };
    return described ? createLanguageModel(described, initial) : new Gpt(config, initial);
  } catch (error) {
    throw new UserError(`${path}: the model can't be built: ${(error as Error).message}`, { cause: error });
  }
}

/** Tokens that the model can choose: a tokenizer may know more. */
function knownTokens(model: Gpt | LongcatFlash, tokens: readonly number[]): number[] {
  const { vocabSize } = model.predictor();
  return [...new Set(tokens)].filter((token) => token >= 0 && token < vocabSize);
}
