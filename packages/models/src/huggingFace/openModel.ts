import { isGgufPath } from './folder/fileNames.js';
import { openFolder, readConfig, type JsonObject, type PretrainedFolder } from './folder/openFolder.js';
import { openGguf, readGgufConfig } from './gguf/openGguf.js';

/** Opens a folder of Hugging Face transformers, or a file of GGUF as one. @throws PretrainedError or SafetensorsError as those do */
export function openModel(path: string): Promise<PretrainedFolder> {
  return isGgufPath(path) ? openGguf(path) : openFolder(path);
}

/** The `config.json` of either, without its weights. @throws PretrainedError where there is none */
export function readModelConfig(path: string): Promise<JsonObject> {
  return isGgufPath(path) ? readGgufConfig(path) : readConfig(path);
}
