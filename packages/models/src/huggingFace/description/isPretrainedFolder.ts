import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { configFile, isGgufPath } from '../folder/fileNames.js';

/**
 * Whether the `config.json` of a folder names the family of a model of transformers; that of a run of ours does not. A file of
 * GGUF is such a model too.
 */
export async function isPretrainedFolder(folder: string): Promise<boolean> {
  if (isGgufPath(folder)) return true;
  const config: unknown = await readFile(join(folder, configFile), 'utf8')
    .then((text) => JSON.parse(text) as unknown)
    .catch(() => undefined);
  return (config as { model_type?: unknown } | null | undefined)?.model_type !== undefined;
}
