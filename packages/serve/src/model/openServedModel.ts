import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

import { UserError } from '@scmoe/errors';
import { pickOptions } from '@scmoe/gating';
import { isExpertParameter } from '@scmoe/layer';
import {
  generationTokens,
  Gpt,
  gptOptions,
  LanguageModel,
  loadPretrained,
  moeOptions,
  type GptConfig,
  type LongcatFlash,
  type ModelExpertSource,
} from '@scmoe/models';
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
  /** The experts of a run or checkpoint, where they are not taken from it but from a disk while the model runs. */
  experts?: ServedExperts;
}

/** The experts of a model beside its checkpoint: a store that @scmoe/experts has opened. */
export interface ServedExperts {
  source: ModelExpertSource;
  /** @throws UserError where they are those of another checkpoint */
  expectPackedFrom(checkpoint: Checkpoint): void;
}

/**
 * Opens a folder as a model that can be served: a run folder or checkpoint of `lm-train`, or a folder of Hugging Face
 * transformers with its tokenizer.
 *
 * @throws UserError, PretrainedError or SafetensorsError where the folder is neither, or damaged
 */
export async function openServedModel(
  folder: string,
  { name = basename(resolve(folder)), chatTemplateFile, experts }: OpenOptions = {},
): Promise<ServedModel> {
  const isOfOthers = await isPublic(folder);
  if (isOfOthers && experts)
    throw new UserError(
      `${folder}: expected a run or checkpoint of lm-train beside a store of experts, got a public model.`,
    );
  const opened = isOfOthers ? await openPublic(folder) : await openRun(folder, experts);
  const template = await readChatTemplate(folder, opened.tokenizer, chatTemplateFile);
  return { name, ...opened, ...(template && { chatTemplate: template }) };
}

/** A folder of transformers. */
async function openPublic(folder: string): Promise<Omit<ServedModel, 'name'>> {
  const tokenizer = await readHuggingFaceTokenizer(folder);
  const model = await loadPretrained(folder, { as: LanguageModel });
  const ends = [...generationTokens(model).eos, ...(tokenizer.endOfText === undefined ? [] : [tokenizer.endOfText])];
  return { model, tokenizer, endTokens: knownTokens(model, ends), addSpecialTokens: true };
}

/** A run folder or checkpoint of ours. */
async function openRun(path: string, experts?: ServedExperts): Promise<Omit<ServedModel, 'name'>> {
  const checkpoint = await loadWholeCheckpoint(await findCheckpoint(path), {
    isSharded: isExpertParameter,
    ...(experts && { skip: isExpertParameter }),
  });
  experts?.expectPackedFrom(checkpoint);
  const described = checkpoint.dataDescription as { tokenizer?: TokenizerDescription; vocabSize?: number };
  if (typeof described.tokenizer !== 'object' || typeof described.vocabSize !== 'number')
    throw new UserError(`${checkpoint.path}: expected the checkpoint of a language model, with its tokenizer.`);
  const tokenizer = await restoreTokenizer(described.tokenizer);
  const model = modelOf(checkpoint, described.vocabSize, experts);
  const parameters = { ...checkpoint.parameters, ...averagesIn(checkpoint.optimizerState) };
  restoreVariables({ ...model.variables, ...model.buffers }, parameters);
  const ends = tokenizer.endOfText === undefined ? [] : [tokenizer.endOfText];
  // Documents of a run are encoded without what a tokenizer would put around them.
  return { model, tokenizer, endTokens: knownTokens(model, ends), addSpecialTokens: false };
}

/** A GPT of the settings of lm-train, which have the names of its options. */
function modelOf({ path, index, parameters }: Checkpoint, vocabSize: number, experts?: ServedExperts): Gpt {
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
    return new Gpt(config, { seed: 0, maxValues: numValues, ...(experts && { expertSource: experts.source }) });
  } catch (error) {
    throw new UserError(`${path}: the model can't be built: ${(error as Error).message}`, { cause: error });
  }
}

/** Tokens that the model can choose: a tokenizer may know more. */
function knownTokens(model: Gpt | LongcatFlash, tokens: readonly number[]): number[] {
  const { vocabSize } = model.predictor();
  return [...new Set(tokens)].filter((token) => token >= 0 && token < vocabSize);
}

/** Whether `config.json` names the family of a model of transformers; a run folder's says nothing of that. */
async function isPublic(folder: string): Promise<boolean> {
  const config: unknown = await readFile(join(folder, 'config.json'), 'utf8')
    .then((text) => JSON.parse(text) as unknown)
    .catch(() => undefined);
  return (config as { model_type?: unknown } | null | undefined)?.model_type !== undefined;
}
