import { copyFile, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { asUserError, UserError } from '@scmoe/errors';
import { savePretrained, type AnyPretrained } from '@scmoe/models';
import { fileError, makeFolder, type JsonObject } from '@scmoe/trainer';

import { writeJson } from './saveRun.js';

/** Where a public folder is written, and how. */
export interface PublicOptions {
  /** A folder that does not exist yet. */
  out: string;
  /** The public folder that the model was made from, if it was: its tokenizer and its precision are the new one's. */
  from?: string;
  /** The family; by default the first that has all that the model has. */
  modelType?: string;
  /** The name of the file that says what was done, and what it says. */
  file: string;
  report: JsonObject;
}

/** A JSON file of a public folder. */
export async function readJson(path: string): Promise<JsonObject> {
  return JSON.parse(await readFile(path, 'utf8')) as JsonObject;
}

/** What of a folder is the tokenizer's, or about generation, and goes with a model that is made from it. */
const ofTokenizers = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'tokenizer.model'];
const others = ['generation_config.json', 'vocab.json', 'merges.txt', 'added_tokens.json', 'chat_template.jinja'];

/**
 * Writes a model as a folder of Hugging Face transformers, with the tokenizer of the one that it was made from. All is written
 * beside it and renamed: the folder is whole or absent.
 *
 * @throws UserError where no public format has what the model has, or the folder can't be written
 */
export async function savePublic(
  model: AnyPretrained,
  { from, out, modelType, file, report }: PublicOptions,
): Promise<string> {
  const temporary = `${resolve(out)}.tmp-${process.pid}`;
  try {
    await makeFolder(temporary);
    const config = from === undefined ? {} : await readJson(join(from, 'config.json'));
    const dtype = (config['dtype'] ?? config['torch_dtype']) === 'bfloat16' ? 'bfloat16' : 'float32';
    await asUserError(() => savePretrained(model, temporary, { dtype, ...(modelType && { modelType }) }));
    // The ids that begin, end and fill texts are no options of a model.
    const ids = ['bos_token_id', 'eos_token_id', 'pad_token_id'].flatMap((name) =>
      config[name] === undefined ? [] : [[name, config[name]] as const],
    );
    const written = await readJson(join(temporary, 'config.json'));
    await writeJson(join(temporary, 'config.json'), { ...written, ...Object.fromEntries(ids) });
    for (const name of from === undefined ? [] : [...ofTokenizers, ...others])
      await copyFile(join(from!, name), join(temporary, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    await writeJson(join(temporary, file), report);
    await rename(temporary, out);
    return resolve(out);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw error instanceof UserError ? error : fileError(`write ${out}`, error);
  }
}
