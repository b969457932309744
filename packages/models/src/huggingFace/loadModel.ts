import { ArgumentError, expectThat } from '@scmoe/errors';
import { expectParametersFit, isExpertParameter, type ExpertShard } from '@scmoe/layer';
import type { WeightFormat } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { AnyArchitecture, Architecture, ClassifierOptions, PretrainedModel } from './Architecture.js';
import { ConfigReader } from './config/ConfigReader.js';
import { rememberTokenIds } from './config/generationTokens.js';
import { rememberFamily } from './config/loadedFrom.js';
import { readTokenIds } from './config/readTokenIds.js';
import { configFile, configSource } from './folder/fileNames.js';
import type { JsonObject, PretrainedFolder } from './folder/openFolder.js';
import { dequantised } from './layouts/dequantised.js';
import { readTie } from './layouts/tiedHead.js';
import { openModel, readModelConfig } from './openModel.js';
import { PretrainedError } from './PretrainedError.js';
import { isStorable } from '../languageModel/isStorable.js';
import type { ModelExpertSource } from '../stages/ModelExpertSource.js';
import { importTensors } from './tensors/importTensors.js';
import { linkTensors, type TensorLink } from './tensors/linkTensors.js';

/** What a model that is loaded may ignore, which experts it holds, and which images it shall classify. */
export interface LoadOptions extends ClassifierOptions {
  /** Which of the experts this rank holds; no others are read. Default: all. */
  experts?: ExpertShard;
  /** Computes the routed experts of a language model, which are not read then. Default: they are the model's own. */
  expertSource?: ModelExpertSource;
  /** Options of config.json that are unknown here but change nothing. */
  ignoreOptions?: readonly string[];
  /**
   * What the matrices of a language model are rounded to and kept in, one after the other as they are read: see
   * `LanguageModel.storeWeights`. Default: float32.
   */
  weightFormat?: WeightFormat;
}

/**
 * Loads a model from a folder of Hugging Face transformers, as one of `architectures`: float32 from whatever is stored,
 * tensor by tensor.
 *
 * @throws PretrainedError naming the model type, the options or the tensors that do not fit; SafetensorsError where a file
 *   is damaged.
 */
export async function loadModel(
  path: string,
  architectures: readonly AnyArchitecture[],
  { weightFormat = 'float32', expertSource, ...options }: LoadOptions = {},
): Promise<PretrainedModel<object>> {
  const { folder, architecture, config, shown, links, isUnused, close } = await openLinked(
    path,
    architectures,
    options,
  );
  try {
    const unread = expertSource ? links.filter(isOfExperts) : [];
    const read = links.filter((link) => !unread.includes(link));
    const names = new Set(read.flatMap(({ ours }) => ours.map(({ name }) => name)));
    const tensors = await importTensors(shown, read, {
      formatOf: ({ name, shape }) => (isStorable(name, { rank: shape.length, names }) ? weightFormat : undefined),
      ...{ prefix: architecture.prefix, isUnused, unread },
    });
    sayWhatIsLeftOut(path, shown.tensors.keys(), config);
    try {
      const ids = await readTokenIds(path, folder.config);
      const { experts } = options;
      const model = architecture.create(config, tensors, { experts, ...(expertSource && { expertSource }) });
      rememberTokenIds(model, ids);
      rememberFamily(model, architecture.savedAs ?? architecture.modelType);
      return model;
    } finally {
      tf.dispose(tensors);
    }
  } finally {
    await close();
  }
}

/** A folder of weights that is open, and which of its tensors become which of ours. */
export interface LinkedFolder {
  readonly folder: PretrainedFolder;
  readonly architecture: AnyArchitecture;
  readonly config: object;
  /** The folder in the layout that the links are for. */
  readonly shown: PretrainedFolder;
  readonly links: readonly TensorLink[];
  /** Whether a tensor of the folder is neither needed nor an error. */
  readonly isUnused: (name: string) => boolean;
  readonly close: () => Promise<void>;
}

/** Whether a link is of routed experts alone. */
export function isOfExperts({ ours }: TensorLink): boolean {
  return ours.every(({ name }) => isExpertParameter(name));
}

/** Opens a folder, reads its configuration and links its tensors with the model's; close it. @throws as `loadModel` */
export async function openLinked(
  path: string,
  architectures: readonly AnyArchitecture[],
  { experts, ignoreOptions, ...images }: Omit<LoadOptions, 'weightFormat' | 'expertSource'> = {},
): Promise<LinkedFolder> {
  // Before the weights are opened: theirs may be in a format of that family alone.
  const family = architectureOf(path, await readModelConfig(path), architectures);
  const architecture = forImages(family, images);
  const folder = await openModel(path);
  try {
    const source = configSource(path);
    const plain = dequantised(folder, source);
    const published = architecture.published?.(plain) ?? plain;
    const reader = new ConfigReader(plain.config, source, published.tensors.size);
    const given = architecture.readConfig(reader);
    reader.expectNothingElse(ignoreOptions);
    const { config, shown } = await joinTie(published, architecture, given);
    const links = linksOf(source, () => {
      const specs = architecture.specs(config, { experts });
      expectParametersFit(specs, reader.sizes);
      return linkTensors(architecture.rules(config), specs);
    });
    const isUnused = (name: string) => architecture.isUnused?.(name, config) ?? false;
    return { folder, architecture, config, shown, links, isUnused, close: () => folder.close() };
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/** The family for the images that are asked for. @throws ArgumentError where it has no use for them */
function forImages(family: AnyArchitecture, images: ClassifierOptions): AnyArchitecture {
  const [asked] = Object.entries(images).filter(([, value]) => value !== undefined);
  if (!asked) return family;
  expectThat(
    family.classifier !== undefined,
    asked[0],
    `none for a model of type ${family.modelType}, which classifies no images`,
    asked[1],
  );
  return family.classifier(images);
}

/** What the model itself says of a configuration, as an error of the file. */
function linksOf(source: string, link: () => TensorLink[]): TensorLink[] {
  try {
    return link();
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new PretrainedError(`${source}: ${error.message}`, { cause: error });
  }
}

/** The folder with one tensor for a tie, and the configuration that fits what it holds of embedding and head. */
async function joinTie<Config>(
  folder: PretrainedFolder,
  { tie, prefix }: Pick<Architecture<Config, PretrainedModel<Config>>, 'tie' | 'prefix'>,
  config: Config,
): Promise<{ config: Config; shown: PretrainedFolder }> {
  if (!tie?.isTied(config)) return { config, shown: folder };
  const { folder: tied, isTied } = await readTie(folder, tie.names, prefix);
  if (isTied) return { config, shown: tied };
  process.emitWarning(
    `${folder.path}: ${configFile} ties embedding and head, but '${tie.names.embedding}' and '${tie.names.head}' differ: ` +
      'the model has both, not tied, as in transformers.',
  );
  return { config: tie.untied(config), shown: tied };
}

/** Warns of layers that predict tokens after the next one, which nothing here has. */
function sayWhatIsLeftOut(path: string, names: Iterable<string>, { numLayers }: { numLayers?: number }): void {
  const left = [...names].filter((name) => {
    const layer = Number(/(?:^|\.)layers\.(\d+)\./.exec(name)?.[1] ?? -1);
    return /(^|\.)mtp[._]/.test(name) || (numLayers !== undefined && layer >= numLayers);
  });
  if (left.length === 0) return;
  process.emitWarning(
    `${path}: ${left.length} tensors of layers that predict further tokens are left out, '${left[0]}' for one.`,
  );
}

/** The family of a folder, by its `model_type`. @throws PretrainedError where it is none of `architectures` */
export function architectureOf<Of extends { modelType: string; className: string }>(
  path: string,
  config: JsonObject,
  architectures: readonly Of[],
): Of {
  const { model_type: type, architectures: classes } = config;
  const found = architectures.find(({ modelType }) => modelType === type);
  const source = configSource(path);
  if (!found) {
    const supported = architectures.map(({ modelType }) => modelType).join(', ');
    if (config['auto_map'] !== undefined)
      throw new PretrainedError(
        `${source}: auto_map: ${JSON.stringify(type ?? null)} is a model of remote code, which is never run; expected model_type to be one of ${supported}`,
      );
    throw new PretrainedError(
      `${source}: model_type: expected one of ${supported}, got ${JSON.stringify(type ?? null)}`,
    );
  }
  // A classifier of the same family has another head. Checkpoints of the bare backbone have the embedding for one.
  const given: unknown[] = Array.isArray(classes) ? classes : [];
  const backbone = found.className.replace(/(LMHead|For[A-Z]).*/, '');
  if (given.length > 0 && !given.some((name) => name === found.className || name === `${backbone}Model`)) {
    throw new PretrainedError(
      `${source}: architectures: expected ${found.className} for ${found.modelType}, got ${JSON.stringify(classes)}`,
    );
  }
  return found;
}
