import { ArgumentError } from '@scmoe/errors';

import { Gpt } from '../../gpt/Gpt.js';
import { LongcatFlash } from '../../longcatFlash/LongcatFlash.js';
import type { ModelOptions } from '../../stages/StagedModel.js';
import { rememberTokenIds } from '../config/generationTokens.js';
import { rememberFamily } from '../config/loadedFrom.js';
import type { LanguageModelDescription } from './LanguageModelDescription.js';

/**
 * Makes the model that a description is of, its adapters fresh and in their place. It is saved as its family.
 *
 * @throws ArgumentError naming the option of its configuration that cannot be
 */
export function createLanguageModel(
  { modelType, config, adapter, freezeRouters = false, tokenIds = {} }: LanguageModelDescription,
  options: ModelOptions,
): Gpt | LongcatFlash {
  const model = make(modelType, config, options);
  rememberFamily(model, modelType);
  rememberTokenIds(model, tokenIds);
  if (adapter) model.adapt(adapter, { seed: 'seed' in options ? options.seed : 0 });
  else if (freezeRouters) model.freeze((name) => /\.router\./.test(name));
  return model;
}

function make(modelType: string, config: object, options: ModelOptions): Gpt | LongcatFlash {
  if (typeof config !== 'object' || config === null)
    throw new ArgumentError(`model.config: expected an object, got ${JSON.stringify(config)}`);
  return modelType === 'longcat_flash'
    ? new LongcatFlash(config as LongcatFlash['config'], options)
    : new Gpt(config as Gpt['config'], options);
}
