import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { UserError } from '@scmoe/errors';

import { fileError } from '../../fileError.js';
import type { Tokenizer } from '../Tokenizer.js';
import { readGgufTokenizer } from './gguf/readGgufTokenizer.js';
import { huggingFaceTokenizer, type HuggingFaceTokenizerOptions } from './huggingFaceTokenizer.js';

/**
 * Reads `tokenizer.json` and, where it lies beside it, `tokenizer_config.json`.
 *
 * @param path of the file, of its folder, or of a file of GGUF: of one that has none in its folder the vocabulary within is read
 * @throws UserError where there is none, or it is of another format
 */
export async function readHuggingFaceTokenizer(
  path: string,
  options?: HuggingFaceTokenizerOptions,
): Promise<Tokenizer> {
  const isGguf = path.endsWith('.gguf');
  const file = basename(path).endsWith('.json') ? path : join(isGguf ? dirname(path) : path, 'tokenizer.json');
  if (isGguf && !existsSync(file)) {
    const { tokenizer, config } = await readGgufTokenizer(path).catch((error: unknown) => {
      throw error instanceof UserError ? withAdvice(error) : error;
    });
    return huggingFaceTokenizer(tokenizer, config, options);
  }
  const text = await readText(file);
  const tokenizer = parseObject(file, text);
  const configFile = join(dirname(file), 'tokenizer_config.json');
  const config = await readFile(configFile, 'utf8').then(
    (text) => parseObject(configFile, text),
    () => ({}),
  );
  return huggingFaceTokenizer(tokenizer, config, options);
}

function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw fileError(`read tokenizer ${file}`, error);
  });
}

function withAdvice(error: UserError): UserError {
  const advice = "Put the model's tokenizer.json beside the file, or name it: --tokenizer <path>.";
  return new UserError(`${error.message}. ${advice}`, { exitCode: 2, cause: error });
}

function parseObject(file: string, text: string): object {
  try {
    // Editors of some systems begin a file with a byte-order mark.
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''));
    if (typeof value === 'object' && value !== null) return value;
  } catch (error) {
    throw new UserError(`Can't read tokenizer ${file}: ${(error as Error).message}`, { cause: error });
  }
  throw new UserError(`Can't read tokenizer ${file}: expected a JSON object.`);
}
