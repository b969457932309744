import { copyFile, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { ScmoeError, UserError } from '@scmoe/errors';
import { savePretrained, type AnyPretrained } from '@scmoe/models';
import { fileError, makeFolder, type JsonObject } from '@scmoe/trainer';

import { writeJson } from './saveRun.js';

/** Whether a folder is one of Hugging Face transformers: its configuration has a `model_type`, which run folders have not. */
export async function isPublicFolder(path: string): Promise<boolean> {
  const text = await readFile(join(path, 'config.json'), 'utf8').catch(() => '{}');
  try {
    const { model_type: type } = JSON.parse(text) as { model_type?: unknown };
    return typeof type === 'string';
  } catch {
    return false;
  }
}

/** A folder or an option that is not as it should be is its user's to mend. */
export async function asUserError<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError || !(error instanceof ScmoeError)) throw error;
    throw new UserError(error.message, { cause: error });
  }
}

/** What of a folder is the tokenizer's, and goes with a model that is made from it. */
const ofTokenizers = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'tokenizer.model'];
const others = ['vocab.json', 'merges.txt', 'added_tokens.json', 'chat_template.jinja'];

/**
 * Writes a model as a folder of Hugging Face transformers, with the tokenizer of the one that it was made from. All is written
 * beside it and renamed: the folder is whole or absent.
 *
 * @param from the folder that the model was made from
 * @param file the name of the file that says what was done, and what it says
 * @throws UserError where no public format has what the model has, or the folder can't be written
 */
export async function savePublic(
  model: AnyPretrained,
  { from, out, file, report }: { from: string; out: string; file: string; report: JsonObject },
): Promise<string> {
  const temporary = `${resolve(out)}.tmp-${process.pid}`;
  try {
    await makeFolder(temporary);
    await asUserError(() => savePretrained(model, temporary));
    for (const name of [...ofTokenizers, ...others])
      await copyFile(join(from, name), join(temporary, name)).catch((error: NodeJS.ErrnoException) => {
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
