import { Vit } from '../vit/Vit.js';
import type { VitConfig } from '../vit/VitConfig.js';
import type { Architecture } from './Architecture.js';
import { vit } from './architectures/vit.js';
import { loadModel, type LoadOptions } from './loadModel.js';
import { saveModel, type SaveOptions } from './saveModel.js';

/** As for other models, and whether the classifier is a new one. */
export interface VitLoadOptions extends LoadOptions {
  /** A fresh classifier in place of the checkpoint's, which may have none: for images of other classes. */
  newHead?: Pick<VitConfig, 'numClasses' | 'classNames'> & { seed: number };
}

/**
 * Loads an image classifier from a folder of Hugging Face transformers (`config.json` and safetensors) of model type `vit`.
 * Its logits are those of transformers, for the same pixels with the channels last. How a checkpoint wants its pixels scaled
 * stands in the `preprocessor_config.json` beside it. Dropout is off whatever it was trained with.
 *
 * @throws PretrainedError naming the model type, the options or the tensors that do not fit; SafetensorsError where a file
 *   is damaged.
 */
export function loadPretrainedVit(folder: string, { newHead, ...options }: VitLoadOptions = {}): Promise<Vit> {
  return loadModel(folder, [newHead ? withNewHead(newHead) : vit], options);
}

/**
 * Saves a model as a folder that transformers loads as ViTForImageClassification.
 *
 * @throws ArgumentError where it has something that such a model has not: experts, another pooling, another norm.
 */
export function savePretrainedVit(model: Vit, folder: string, options?: SaveOptions): Promise<void> {
  return saveModel(model, folder, [vit], options);
}

function withNewHead({ seed, ...classes }: NonNullable<VitLoadOptions['newHead']>): Architecture<VitConfig, Vit> {
  const isOfHead = (name: string) => name.startsWith('head.');
  return {
    ...vit,
    readConfig: (reader) => {
      const { classNames: _, ...config } = vit.readConfig(reader);
      return { ...config, ...classes };
    },
    specs: (config, options) =>
      Object.fromEntries(Object.entries(vit.specs(config, options)).filter(([name]) => !isOfHead(name))),
    isUnused: (name, config) => name.startsWith('classifier.') || vit.isUnused!(name, config),
    create: (config, parameters, options) => {
      const fresh = new Vit(config, { seed, ...options });
      for (const [name, variable] of Object.entries(fresh.variables))
        if (!isOfHead(name)) variable.assign(parameters[name]!);
      return fresh;
    },
  };
}
