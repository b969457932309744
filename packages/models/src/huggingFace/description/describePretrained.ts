import { allExperts } from '@scmoe/layer';
import * as tf from '@tensorflow/tfjs';

import { planAdapter, type AdapterOptions } from '../../adapters/planAdapter.js';
import { LanguageModel } from '../../languageModel/LanguageModel.js';
import { readAdapter } from '../adapters/readAdapter.js';
import { ConfigReader } from '../config/ConfigReader.js';
import { readTokenIds } from '../config/readTokenIds.js';
import { families } from '../families.js';
import { configSource } from '../folder/fileNames.js';
import { architectureOf } from '../loadModel.js';
import { readModelConfig } from '../openModel.js';
import type { LanguageModelDescription } from './LanguageModelDescription.js';

/** How the model of a folder is trained on. */
export interface FineTuneOptions {
  /** Fresh adapters; all else is frozen. */
  lora?: AdapterOptions;
  /** Folder of PEFT with adapters to go on from; all else is frozen. */
  adapter?: string;
  freezeRouters?: boolean;
}

/**
 * Describes the language model of a folder of transformers as it is to be trained, of its files `config.json` and those of an
 * adapter alone.
 *
 * @throws PretrainedError naming the options or the tensors that do not fit; ArgumentError for adapters that it cannot have
 */
export async function describePretrained(
  folder: string,
  { lora, adapter, freezeRouters = false }: FineTuneOptions = {},
): Promise<LanguageModelDescription> {
  const json = await readModelConfig(folder);
  const ofText = families.filter(({ model }) => model.prototype instanceof LanguageModel);
  const family = architectureOf(folder, json, ofText);
  const config = family.readConfig(new ConfigReader(json, configSource(folder)));
  const tokenIds = await readTokenIds(folder, json);
  const described = { modelType: family.savedAs ?? family.modelType, config, tokenIds };
  if (lora) return { ...described, adapter: planAdapter(family.specs(config, {}), lora) };
  if (adapter === undefined) return { ...described, ...(freezeRouters && { freezeRouters }) };
  const { plan, parameters } = await readAdapter(adapter, family, { config, experts: allExperts });
  tf.dispose(parameters);
  return { ...described, adapter: plan };
}
