import { join } from 'node:path';

import { generationFile } from '../folder/fileNames.js';
import { readJson, type JsonObject } from '../folder/openFolder.js';
import { PretrainedError } from '../PretrainedError.js';

/** Ids that begin, end and fill texts of a model that generates. */
export interface GenerationTokens {
  bos?: number;
  /** Any of them ends a text. */
  eos: readonly number[];
  pad?: number;
}

const keys = ['bos_token_id', 'eos_token_id', 'pad_token_id'] as const;
type TokenIds = Partial<Record<(typeof keys)[number], unknown>>;

/** The ids as they stood in the files of a model that was loaded, for it to be saved with the same ones. */
const remembered = new WeakMap<object, TokenIds>();

/**
 * The ids that begin, end and fill texts, as the folder says from which a model was loaded: `generation_config.json`, and
 * for what that does not say `config.json`. None where neither does, or where the model was made otherwise.
 */
export function generationTokens(model: object): GenerationTokens {
  const { bos_token_id: bos, eos_token_id: eos, pad_token_id: pad } = remembered.get(model) ?? {};
  return {
    ...(typeof bos === 'number' && { bos }),
    eos: idsOf(eos),
    ...(typeof pad === 'number' && { pad }),
  };
}

/** Reads the ids of a folder. @throws PretrainedError naming what is no id. */
export async function readTokenIds(path: string, config: JsonObject): Promise<TokenIds> {
  const generation = (await readJson(path, generationFile)) ?? {};
  const ids: TokenIds = {};
  for (const key of keys) {
    const value = generation[key] ?? config[key];
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

/** Notes the ids of a model. */
export function rememberTokenIds(model: object, ids: TokenIds): void {
  remembered.set(model, ids);
}

/** What a saved model's `config.json` and `generation_config.json` say of its ids, in the form in which they were read. */
export function tokenIdsOf(model: object): TokenIds {
  return remembered.get(model) ?? {};
}

/** A number, a list, or an object of them (one for each kind of text): all end a text. */
function entriesOf(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [value];
}

function idsOf(value: unknown): number[] {
  return entriesOf(value).filter((id): id is number => typeof id === 'number');
}

function isId(id: unknown): boolean {
  // Files of older versions have -1 where there is none.
  return Number.isSafeInteger(id) && (id as number) >= -1;
}
