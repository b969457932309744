import { UserError } from '@scmoe/errors';

import { ggufTokenizerConfig, ggufTokenizerJson, type TokenizerFiles } from './ggufTokenizerJson.js';

/**
 * Reads the vocabulary of a file of GGUF. Of several parts of a model the first has it.
 *
 * @throws UserError where the file can't be read, or has no vocabulary of a kind that is known
 */
export async function readGgufTokenizer(path: string): Promise<TokenizerFiles> {
  return ggufTokenizerJson(await readMetadata(path), path);
}

/**
 * Reads the chat template of a file of GGUF, `chat_template`, and the tokens that it may name, `bos_token` and its like: what
 * `tokenizer_config.json` has in a folder. Either may be missing.
 *
 * @throws UserError where the file can't be read
 */
export async function readGgufTokenizerConfig(path: string): Promise<Readonly<Record<string, string>>> {
  return ggufTokenizerConfig(await readMetadata(path), path);
}

async function readMetadata(path: string): Promise<Record<string, unknown>> {
  // Loaded where it is needed: it brings what it takes to read models of a hub.
  const { gguf } = await import('@huggingface/gguf');
  try {
    const { metadata } = await gguf(path, { allowLocalFile: true });
    return metadata as Record<string, unknown>;
  } catch (error) {
    throw new UserError(`Can't read the tokenizer in ${path}: ${(error as Error).message}`, {
      exitCode: 2,
      cause: error,
    });
  }
}
