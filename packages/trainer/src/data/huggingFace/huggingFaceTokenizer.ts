import { UserError } from '@scmoe/errors';

import { textOf } from '../textOf.js';
import type { Tokenizer } from '../Tokenizer.js';
import { engineMaker, engineOfEnvironment } from './openEngine.js';
import type { EngineName } from './TokenizerEngine.js';
import type { TokenizerJson } from './TokenizerJson.js';
import { withoutControlTokens } from './withoutControlTokens.js';

/** Names under which published tokenizers end a document, where their configuration does not say. */
const usualEndings = ['<|endoftext|>', '</s>', '<|end_of_text|>', '<eos>', '[SEP]'];

/** Which library reads `tokenizer.json`. */
export interface HuggingFaceTokenizerOptions {
  /**
   * `native` is the reference itself and an error where it does not load; `javascript` refuses, by name, what it would
   * encode differently; `auto`, the default, takes the first that loads. Without it `SCMOE_TOKENIZERS` decides.
   */
  engine?: EngineName | 'auto';
}

/**
 * A tokenizer of the Hugging Face `tokenizers` format, with the ids of tokenizers 0.23. Texts are neither cut nor filled up,
 * whatever the file says of truncation and padding.
 *
 * @param tokenizer content of `tokenizer.json`
 * @param config content of `tokenizer_config.json`, `{}` where there is none
 * @throws UserError when the content is of another format, or the library at hand would give other ids.
 */
export async function huggingFaceTokenizer(
  tokenizer: object,
  config: object = {},
  options: HuggingFaceTokenizerOptions = {},
): Promise<Tokenizer> {
  const whole = { ...(tokenizer as TokenizerJson), truncation: null, padding: null };
  if (typeof whole.model !== 'object' || whole.model === null) {
    throw new UserError('Not a Hugging Face tokenizer: expected a tokenizer.json with the entry "model".');
  }
  const library = await engineMaker(options.engine ?? engineOfEnvironment());
  const make = (content: TokenizerJson) => explained('Not a Hugging Face tokenizer', () => library(content));
  const safe = withoutControlTokens(whole);
  const asText = make(safe.tokenizer);
  // Made by the first call that asks for it: it is a second copy of the vocabulary.
  let withControls = safe.names.size > 0 ? undefined : asText;
  const idOf = (name: unknown) => (typeof name === 'string' ? asText.idOf(safe.names.get(name) ?? name) : undefined);
  const endings = [nameOf((config as { eos_token?: unknown }).eos_token), ...usualEndings];
  return {
    description: { kind: 'huggingface', tokenizer, config },
    // Ids may have gaps; the embedding needs a row up to the largest.
    vocabSize: asText.maxId + 1,
    endOfText: endings.map(idOf).find((id) => id !== undefined),
    encode: (bytes, { allowSpecial = false, addSpecialTokens = false } = {}) =>
      explained("Can't encode", () =>
        (allowSpecial ? (withControls ??= make(whole)) : asText).encode(textOf(bytes), addSpecialTokens),
      ),
    decode: (ids) => explained("Can't decode", () => asText.decode(ids)),
  };
}

/** An entry of tokenizer_config.json is a token's text, or an object that has it as its content. */
function nameOf(entry: unknown): unknown {
  return typeof entry === 'object' && entry !== null ? (entry as { content?: unknown }).content : entry;
}

/** Runs a library, whose errors are of no class of their own. */
function explained<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${what}: ${(error as Error).message}`, { cause: error });
  }
}
