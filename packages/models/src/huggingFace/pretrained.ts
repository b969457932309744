import type { AnyArchitecture, ModelClass, PretrainedModel } from './Architecture.js';
import { ConfigReader } from './config/ConfigReader.js';
import { families, type AnyPretrained } from './families.js';
import { configSource } from './folder/fileNames.js';
import { architectureOf, loadModel, type LoadOptions } from './loadModel.js';
import { readModelConfig } from './openModel.js';
import { saveModel, type SaveOptions } from './saveModel.js';

/** Which models a folder may hold. */
export interface ExpectedModel<Model> {
  /** Class of the model, or one above it: a folder of another is refused. Default: any. */
  as?: ModelClass<Model>;
}

/**
 * Loads a model from a folder of Hugging Face transformers (`config.json` and safetensors, in one file or in shards), by
 * its `model_type`, or from a file of GGUF: a `Gpt`, `LongcatFlash` or `Vit`. Numbers of any floating-point type become float32, tensor by tensor;
 * of the experts, those of `experts` alone are read. Its logits are those of transformers, for images with their channels
 * last, scaled as the `preprocessor_config.json` of the folder says. Dropout is off whatever it was trained with.
 *
 * @throws PretrainedError naming the model type, the options or the tensors that do not fit; SafetensorsError where a file
 *   is damaged.
 */
export async function loadPretrained<Model = AnyPretrained>(
  folder: string,
  { as, ...options }: LoadOptions & ExpectedModel<Model> = {},
): Promise<Extract<AnyPretrained, Model>> {
  return (await loadModel(folder, familiesOf(as), options)) as Extract<AnyPretrained, Model>;
}

/**
 * Reads the configuration that `loadPretrained` gives a model of the folder.
 *
 * @throws PretrainedError naming the model type or the options that do not fit
 */
export async function readPretrainedConfig<Model = AnyPretrained>(
  folder: string,
  { as }: ExpectedModel<Model> = {},
): Promise<Extract<AnyPretrained, Model>['config']> {
  const config = await readModelConfig(folder);
  const family = architectureOf(folder, config, familiesOf(as));
  return family.readConfig(new ConfigReader(config, configSource(folder))) as Extract<AnyPretrained, Model>['config'];
}

/**
 * Saves a model as a folder that transformers loads: as `modelType`, or as the family that it was loaded as, or the first that
 * has all that it has.
 *
 * @throws ArgumentError where none has, saying what each has not.
 */
export function savePretrained(model: AnyPretrained, folder: string, options?: SaveOptions): Promise<void> {
  const own = families.filter((family) => model instanceof family.model);
  return saveModel(model as PretrainedModel<object>, folder, own, options);
}

function familiesOf(as: ModelClass<unknown> | undefined): readonly AnyArchitecture[] {
  if (as === undefined) return families;
  return families.filter(({ model }) => (model as unknown) === as || (model.prototype as unknown) instanceof as);
}
