import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { UserError } from '@scmoe/errors';

import { fileError } from '../fileError.js';
import type { Tokenizer } from './Tokenizer.js';

/** What is used of the library, whose own types need a bundler to resolve. */
interface Library {
  get_vocab(withAddedTokens: boolean): Map<string, number>;
  token_to_id(token: string): number | undefined;
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
}

/** Names under which published tokenizers end a document, where their configuration does not say. */
const usualEndings = ['<|endoftext|>', '</s>', '<|end_of_text|>', '<eos>', '[SEP]'];

/**
 * A tokenizer of the Hugging Face `tokenizers` format.
 *
 * @param tokenizer content of `tokenizer.json`
 * @param config content of `tokenizer_config.json`, `{}` where there is none
 * @throws UserError when the content is of another format.
 */
export async function huggingFaceTokenizer(tokenizer: object, config: object = {}): Promise<Tokenizer> {
  const { Tokenizer: Constructor } = (await import('@huggingface/tokenizers')) as unknown as {
    Tokenizer: new (tokenizer: object, config: object) => Library;
  };
  if (!('model' in tokenizer)) {
    throw new UserError('Not a Hugging Face tokenizer: expected a tokenizer.json with the entry "model".');
  }
  let library: Library;
  try {
    library = new Constructor(tokenizer, config);
  } catch (error) {
    throw new UserError(`Not a Hugging Face tokenizer: ${(error as Error).message}`, { cause: error });
  }
  // Ids may have gaps; the embedding needs a row up to the largest.
  const vocabSize = 1 + [...library.get_vocab(true).values()].reduce((a, b) => Math.max(a, b), -1);
  const endings = [(config as { eos_token?: unknown }).eos_token, ...usualEndings];
  const ending = endings.filter((name) => typeof name === 'string').map((name) => library.token_to_id(name));
  return {
    description: { kind: 'huggingface', tokenizer, config },
    vocabSize,
    endOfText: ending.find((id) => id !== undefined),
    encode: (bytes) => library.encode(new TextDecoder().decode(bytes), { add_special_tokens: false }).ids,
    decode: (ids) => library.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
  };
}

/** Reads `tokenizer.json` and, where it lies beside it, `tokenizer_config.json`. */
export async function readHuggingFaceTokenizer(path: string): Promise<Tokenizer> {
  const file = basename(path).endsWith('.json') ? path : join(path, 'tokenizer.json');
  const tokenizer = parseObject(file, await readText(file));
  const configFile = join(dirname(file), 'tokenizer_config.json');
  const config = await readFile(configFile, 'utf8').then(
    (text) => parseObject(configFile, text),
    () => ({}),
  );
  return huggingFaceTokenizer(tokenizer, config);
}

function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw fileError(`read tokenizer ${file}`, error);
  });
}

function parseObject(file: string, text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch (error) {
    throw new UserError(`Can't read tokenizer ${file}: ${(error as Error).message}`, { cause: error });
  }
  throw new UserError(`Can't read tokenizer ${file}: expected a JSON object.`);
}
