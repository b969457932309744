import { join } from 'node:path';

import { expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { resizePositions } from '../vit/resizePositions.js';
import { Vit } from '../vit/Vit.js';
import { resolveVit, type VitConfig } from '../vit/VitConfig.js';
import type { Architecture } from './Architecture.js';
import { vit } from './architectures/vit.js';
import { ConfigReader } from './config/ConfigReader.js';
import { configFile } from './folder/fileNames.js';
import { readConfig } from './folder/openFolder.js';
import { loadModel, type LoadOptions } from './loadModel.js';
import { PretrainedError } from './PretrainedError.js';
import { saveModel, type SaveOptions } from './saveModel.js';

/** What can be said as for other models, and whether the classifier is a new one and the images have another size. */
export interface VitLoadOptions extends LoadOptions {
  /** A fresh classifier in place of the checkpoint's, which may have none: for images of other classes. */
  newHead?: Pick<VitConfig, 'numClasses' | 'classNames'> & { seed: number };
  /** Side of the images where they are of another size than the checkpoint's, whose positions are interpolated. */
  imageSize?: number;
}

/**
 * Loads an image classifier from a folder of Hugging Face transformers (`config.json` and safetensors) of model type `vit`.
 * Its logits are those of transformers, for the same pixels with the channels last. How a checkpoint wants its pixels scaled
 * stands in the `preprocessor_config.json` beside it. Dropout is off whatever it was trained with.
 *
 * @throws PretrainedError naming the model type, the options or the tensors that do not fit; SafetensorsError where a file
 *   is damaged.
 */
export async function loadPretrainedVit(
  folder: string,
  { newHead, imageSize, ...options }: VitLoadOptions = {},
): Promise<Vit> {
  const model = await loadModel(folder, [newHead ? withNewHead(newHead) : vit], options);
  if (imageSize === undefined || imageSize === model.config.imageSize) return model;
  try {
    return withImageSize(model, imageSize);
  } finally {
    model.dispose();
  }
}

/**
 * Reads the configuration that `loadPretrainedVit` gives a model of the folder.
 *
 * @throws PretrainedError naming the model type or the options that do not fit
 */
export async function readPretrainedVitConfig(folder: string): Promise<VitConfig> {
  const config = await readConfig(folder);
  const source = join(folder, configFile);
  const { model_type: type } = config;
  if (type !== vit.modelType)
    throw new PretrainedError(`${source}: model_type: expected ${vit.modelType}, got ${JSON.stringify(type ?? null)}`);
  return vit.readConfig(new ConfigReader(config, source));
}

function withImageSize(model: Vit, imageSize: number): Vit {
  const [before, config] = [model.config, { ...model.config, imageSize }];
  expectThat(
    imageSize % before.patchSize === 0,
    'imageSize',
    `a multiple of patchSize = ${before.patchSize}`,
    imageSize,
  );
  const sides = [resolveVit(before), resolveVit(config)].map(({ numPatches }) => Math.sqrt(numPatches));
  const [from, to] = sides as [number, number];
  const positions = resizePositions(model.variables['positions'] as tf.Variable<tf.Rank.R2>, {
    from,
    to,
    hasClassToken: true,
  });
  try {
    return new Vit(config, { parameters: { ...model.variables, positions }, experts: model.experts });
  } finally {
    positions.dispose();
  }
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
