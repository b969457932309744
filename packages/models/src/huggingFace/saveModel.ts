import { ArgumentError, expectThat } from '@scmoe/errors';
import { checkParameters } from '@scmoe/layer';
import type { DeferredTensor } from '@scmoe/tensor';

import type { Architecture, PretrainedModel } from './Architecture.js';
import { tokenIdsOf } from './config/generationTokens.js';
import { familyLoadedFrom } from './config/loadedFrom.js';
import { writeFolder, type WriteFolderOptions } from './folder/writeFolder.js';
import { exportTensors } from './tensors/exportTensors.js';
import { linkTensors } from './tensors/linkTensors.js';

/** The form in which a model is written. */
export interface SaveOptions extends WriteFolderOptions {
  /** The family that it is written as. Default: the one that it was loaded as, or the first that has everything that it has. */
  modelType?: string;
  /** Numbers as they are, or rounded to half their size. */
  dtype?: 'float32' | 'bfloat16';
}

/**
 * Saves a model as a folder that transformers loads: `config.json` and safetensors, in shards above `maxShardBytes`. The
 * family is the one that the model was loaded as, or the first of `architectures` that has everything that it has.
 *
 * @throws ArgumentError where none has, saying what each has not; Error where the model has only a share of its
 *   experts.
 */
export async function saveModel<Config, Model extends PretrainedModel<Config>>(
  model: Model,
  folder: string,
  architectures: readonly Architecture<Config, Model>[],
  { dtype = 'float32', modelType, ...options }: SaveOptions = {},
): Promise<void> {
  const { architecture, config, links } = familyOf(model.config, loadedFirst(model, chosen(architectures, modelType)));
  const parameters = { ...model.variables, ...model.buffers };
  // A model with a share of the experts has not all that a checkpoint needs.
  checkParameters(parameters, architecture.specs(model.config, {}));
  const stored = dtype === 'bfloat16' ? 'BF16' : 'F32';
  const tensors = {
    ...exportTensors(links, parameters, { dtype: stored }),
    ...zeros(architecture.padding?.(model.config) ?? {}, stored),
  };
  const ids = tokenIdsOf(model);
  const json = {
    architectures: [architecture.className],
    model_type: architecture.modelType,
    dtype,
    ...config,
    ...ids,
  };
  // transformers, too, writes it for models that generate only.
  const generation = Object.keys(ids).length > 0 ? { _from_model_config: true, ...ids } : undefined;
  await writeFolder(folder, { config: json, tensors, generation }, options);
}

function chosen<Of extends { modelType: string; savedAs?: string }>(
  architectures: readonly Of[],
  modelType: string | undefined,
): Of[] {
  // One that is saved as another is for reading.
  const found = architectures.filter((each) =>
    modelType === undefined ? each.savedAs === undefined : each.modelType === modelType,
  );
  const names = architectures.map((each) => each.modelType);
  expectThat(found.length > 0, 'modelType', `one of ${names.join(', ')}`, modelType);
  return found;
}

/** The same families, the one first that the model was loaded as. */
function loadedFirst<Of extends { modelType: string }>(model: object, architectures: readonly Of[]): Of[] {
  const loaded = familyLoadedFrom(model);
  const isLoaded = ({ modelType }: Of) => modelType === loaded;
  return [...architectures.filter(isLoaded), ...architectures.filter((each) => !isLoaded(each))];
}

function familyOf<Config, Model extends PretrainedModel<Config>>(
  config: Config,
  architectures: readonly Architecture<Config, Model>[],
) {
  const reasons: { modelType: string; message: string }[] = [];
  for (const architecture of architectures) {
    try {
      const json = architecture.writeConfig(config);
      const links = linkTensors(architecture.rules(config), architecture.specs(config, {}));
      return { architecture, config: json, links };
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error;
      reasons.push({ modelType: architecture.modelType, message: error.message });
    }
  }
  throw new ArgumentError(`no public format has what this model has. ${inWords(reasons)}`);
}

/** What stands against each family, or against all of them alike. */
function inWords(reasons: readonly { modelType: string; message: string }[]): string {
  const families = new Map<string, string[]>();
  for (const { modelType, message } of reasons) families.set(message, [...(families.get(message) ?? []), modelType]);
  if (families.size === 1 && reasons.length > 1) return reasons[0]!.message;
  return [...families].map(([message, modelTypes]) => `${modelTypes.join(', ')}: ${message}`).join('. ');
}

function zeros(
  shapes: Readonly<Record<string, readonly number[]>>,
  dtype: DeferredTensor['dtype'],
): Record<string, DeferredTensor> {
  const data = (shape: readonly number[]) =>
    Promise.resolve(new Float32Array(shape.reduce((product, size) => product * size, 1)));
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, { dtype, shape: [...shape], data: () => data(shape) }]),
  );
}
