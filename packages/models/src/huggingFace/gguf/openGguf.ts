import { toFloat32 } from '@scmoe/tensor';

import type { JsonObject, PretrainedFolder } from '../folder/openFolder.js';
import { PretrainedError } from '../PretrainedError.js';
import { ggufArchitectures, type GgufArchitecture } from './ggufArchitectures.js';
import { openGgufFiles, type GgufFiles } from './GgufFile.js';
import { GgufMetadata } from './GgufMetadata.js';
import { viewTensors } from './ggufTensors.js';
import { llama3Rope } from './llama3Rope.js';

/**
 * Opens a model in GGUF as if it were a folder of transformers: with the configuration and the tensors that its family has
 * there. The numbers are decoded when they are read.
 *
 * @throws PretrainedError naming an architecture, a key, a type of numbers or a tensor that is not known
 */
export async function openGguf(path: string): Promise<PretrainedFolder> {
  const files = await openGgufFiles(path);
  try {
    const metadata = new GgufMetadata(files.metadata, path, files.tensors);
    const architecture = architectureOf(metadata);
    const config = await configOf(path, files, metadata, architecture);
    const heads = { q: metadata.integer('attention.head_count'), k: config['num_key_value_heads'] as number };
    const tensors = viewTensors(path, files.tensors, architecture, heads);
    const tensorOf = (name: string) => {
      const tensor = tensors.get(name);
      if (!tensor) throw new PretrainedError(`${path}: there is no tensor '${name}'`);
      return tensor;
    };
    return {
      ...{ path, config, tensors, close: files.close },
      read: (name, elements, memory) => tensorOf(name).read(elements, memory),
      map: (name, elements) => tensorOf(name).map?.(elements),
    };
  } catch (error) {
    await files.close();
    throw error;
  }
}

/** The `config.json` that transformers has for a model in GGUF. @throws PretrainedError as `openGguf` */
export async function readGgufConfig(path: string): Promise<JsonObject> {
  const opened = await openGguf(path);
  await opened.close();
  return opened.config;
}

function architectureOf(metadata: GgufMetadata): GgufArchitecture {
  const name = metadata.architecture;
  if (Object.hasOwn(ggufArchitectures, name)) return ggufArchitectures[name]!;
  return metadata.fail('general.architecture', `one of ${Object.keys(ggufArchitectures).join(', ')}`, name);
}

async function configOf(
  path: string,
  { tensors }: GgufFiles,
  metadata: GgufMetadata,
  architecture: GgufArchitecture,
): Promise<JsonObject> {
  const config = architecture.config(metadata);
  const factors = tensors.get('rope_freqs.weight');
  const scaled = factors && llama3Rope(path, config, toFloat32(await factors.read()));
  // Keys that nobody knows stand beside the others: an option that is not known is an error, or named as one to ignore.
  return { ...config, ...(scaled && { rope_parameters: scaled }), ...metadata.rest() };
}
