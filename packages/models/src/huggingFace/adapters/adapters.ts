import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { LanguageModel } from '../../languageModel/LanguageModel.js';
import type { AnyArchitecture } from '../Architecture.js';
import { familyLoadedFrom } from '../config/loadedFrom.js';
import { families } from '../families.js';
import { readAdapter } from './readAdapter.js';
import { writeAdapter, type AdapterLayout } from './writeAdapter.js';

/** The form in which an adapter is saved. */
export interface SaveAdapterOptions {
  /** `fused` experts, as PEFT has them with transformers 5, or one adapter for each expert. Default: `fused`. */
  layout?: AdapterLayout;
  /** Name or path of the base model, by which PEFT finds it. Default: ''. */
  base?: string;
}

/**
 * Gives a model the adapter in a folder of PEFT (`adapter_config.json`, `adapter_model.safetensors`), of single experts or
 * of fused ones; all else is frozen. The factor is that of PEFT, alpha / rank or with rslora alpha / sqrt(rank); where PEFT
 * makes fused experts of single ones it changes that of rslora, which is left here as it was trained.
 *
 * @throws PretrainedError naming the option that is not supported, and every tensor that the model has no use for
 */
export async function loadAdapter(model: LanguageModel<object>, folder: string): Promise<void> {
  const { config, experts } = model;
  const { plan, parameters } = await readAdapter(folder, familyOf(model), { config, experts });
  try {
    model.adapt(plan, { parameters });
  } finally {
    tf.dispose(parameters);
  }
}

/**
 * Saves the adapter of a model as PEFT reads it.
 *
 * @throws ArgumentError where the model has none, or only a share of its experts
 */
export async function saveAdapter(
  model: LanguageModel<object>,
  folder: string,
  { layout = 'fused', base = '' }: SaveAdapterOptions = {},
): Promise<void> {
  const { adapter: plan, config, experts } = model;
  if (!plan) throw new ArgumentError('model: expected one with an adapter, got one without');
  if (experts.size > 1) throw new ArgumentError(`model: expected one with all experts, got ${experts.size} shares`);
  const tensors = { ...model.variables, ...model.buffers };
  await writeAdapter(folder, familyOf(model), { config, plan, tensors }, { layout, base });
}

/** The family that a model was loaded as. */
function familyOf(model: object): AnyArchitecture {
  const type = familyLoadedFrom(model);
  const family = families.find(({ modelType }) => modelType === type);
  if (family) return family;
  throw new ArgumentError('model: expected one that was loaded from a folder of transformers, got one that was not');
}
