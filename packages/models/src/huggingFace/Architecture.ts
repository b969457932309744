import type { ExpertShard, ParameterSpecs } from '@scmoe/layer';
import type * as tf from '@tensorflow/tfjs';

import type { ModelExpertSource } from '../stages/ModelExpertSource.js';
import type { ConfigReader } from './config/ConfigReader.js';
import type { JsonObject, PretrainedFolder } from './folder/openFolder.js';
import type { TiedNames } from './layouts/tiedHead.js';
import type { TensorRule } from './tensors/TensorRule.js';

/** A model as checkpoints see it: what it was built from, and all its tensors by name. */
export interface PretrainedModel<Config> {
  readonly config: Config;
  /** Parameters, trained by gradient. */
  readonly variables: Readonly<Record<string, tf.Tensor>>;
  /** State that is not. */
  readonly buffers?: Readonly<Record<string, tf.Tensor>>;
  dispose(): void;
}

/** A class of models. */
export interface ModelClass<Model> {
  readonly name: string;
  readonly prototype: Model;
  /** Whether a value is one of its models. */
  [Symbol.hasInstance](value: unknown): boolean;
}

/** How images may differ from those that a classifier was trained on. */
export interface ClassifierOptions {
  /** A fresh classifier in place of the checkpoint's, which may have none: for images of other classes. */
  newHead?: { numClasses: number; classNames?: readonly string[]; seed: number };
  /** Side of the images where they are of another size than the checkpoint's, whose positions are interpolated. */
  imageSize?: number;
}

/** Any family: those who only load and save a model need not know of which kind it is. */
export type AnyArchitecture = Architecture<object, PretrainedModel<object>>;

/** A public model family: how its configuration and its tensors are written in the folders of transformers. */
export interface Architecture<Config, Model extends PretrainedModel<Config>> {
  /** `model_type` of its config.json. */
  readonly modelType: string;
  /** `model_type` that its models are saved with, where it is another: a part of the folder is left out. */
  readonly savedAs?: string;
  /** Its class in transformers: `architectures` of its config.json. */
  readonly className: string;
  /** The class here whose models it loads and saves. */
  readonly model: ModelClass<Model>;
  /** Reads a config.json. @throws PretrainedError where an option is missing or not supported. */
  readConfig(config: ConfigReader): Config;
  /** Writes a config.json. @throws ArgumentError naming the option that this family has not. */
  writeConfig(config: Config): JsonObject;
  specs(config: Config, options: { experts?: ExpertShard }): ParameterSpecs;
  rules(config: Config): readonly TensorRule[];
  /** Takes the values of the tensors over; they stay the caller's to dispose. */
  create(
    config: Config,
    parameters: Record<string, tf.Tensor>,
    options: { experts?: ExpertShard; expertSource?: ModelExpertSource },
  ): Model;
  /** Prefix of all names, where checkpoints of the bare backbone leave it out. */
  readonly prefix?: string;
  /** Shows a folder in another layout, such as that of the modules in memory, in the one that `rules` are for. */
  published?(folder: PretrainedFolder): PretrainedFolder;
  /** Name of a tensor among the modules in memory, where it has another there: what adapters go by. */
  moduleName?(name: string): string;
  /** Where embedding and head may be one: their names, whether they are, and the configuration in which they are not. */
  readonly tie?: { readonly names: TiedNames; isTied(config: Config): boolean; untied(config: Config): Config };
  /** The family for other images than the checkpoint's; those whose models are no classifiers of images have none. */
  classifier?(options: ClassifierOptions): Architecture<Config, Model>;
  /** Tensors in checkpoints that a model does not need. */
  isUnused?(name: string, config: Config): boolean;
  /** What of those transformers misses where a checkpoint has it not: names and shapes. Written as zeros. */
  padding?(config: Config): Readonly<Record<string, readonly number[]>>;
}
