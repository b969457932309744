import { join } from 'node:path';

import { generationFile, isGgufPath } from '../folder/fileNames.js';
import { readJson, type JsonObject } from '../folder/openFolder.js';
import { PretrainedError } from '../PretrainedError.js';
import { entriesOf, tokenIdKeys, type TokenIds } from './generationTokens.js';

/** Reads the ids of a folder. @throws PretrainedError naming what is no id. */
export async function readTokenIds(path: string, config: JsonObject): Promise<TokenIds> {
  const generation = (isGgufPath(path) ? undefined : await readJson(path, generationFile)) ?? {};
  // A model of text and images has the options of its text apart.
  const ofText = (config['text_config'] ?? {}) as JsonObject;
  const ids: TokenIds = {};
  for (const key of tokenIdKeys) {
    const value = generation[key] ?? config[key] ?? ofText[key];
    if (value === undefined || value === null) continue;
    const wrong = entriesOf(value).find((id) => !isId(id));
    if (wrong !== undefined || (key !== 'eos_token_id' && typeof value === 'object')) {
      const expected = key === 'eos_token_id' ? 'an id, a list or an object of ids' : 'an id';
      throw new PretrainedError(
        `${join(path, generationFile)}: ${key}: expected ${expected}, got ${JSON.stringify(value)}`,
      );
    }
    ids[key] = value;
  }
  return ids;
}

function isId(id: unknown): boolean {
  // Files of older versions have -1 where there is none.
  return Number.isSafeInteger(id) && (id as number) >= -1;
}
