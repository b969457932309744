import type { TokenizerEngine } from './TokenizerEngine.js';
import type { TokenizerJson } from './TokenizerJson.js';

/** What is used of the library, whose own types need a bundler to resolve. */
interface Library {
  decoder: Decoder | null;
  get_vocab(withAddedTokens: boolean): Map<string, number>;
  token_to_id(token: string): number | undefined;
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
}

interface Decoder {
  text_decoder?: { decode(bytes: Uint8Array): string };
  decoders?: Decoder[];
}

/** The library's constructor, loaded on demand. */
export type JavascriptTokenizers = new (tokenizer: object, config: object) => Library;

export async function openJavascriptTokenizers(): Promise<JavascriptTokenizers> {
  return ((await import('@huggingface/tokenizers')) as unknown as { Tokenizer: JavascriptTokenizers }).Tokenizer;
}

/**
 * A tokenizer in JavaScript alone, `@huggingface/tokenizers`: for browsers, and where there is no native library. It gives
 * other ids than the reference for much of what `tokenizer.json` may say; `unlikeReference` knows what.
 */
export function javascriptEngine(Tokenizer: JavascriptTokenizers, tokenizer: TokenizerJson): TokenizerEngine {
  // What it reads in tokenizer_config.json changes ids, which the reference takes from tokenizer.json alone. The unknown
  // word of a WordLevel is the exception.
  const { type, unk_token } = tokenizer.model;
  const library = new Tokenizer(tokenizer, type === 'WordLevel' ? { unk_token } : {});
  keepByteOrderMarks(library.decoder);
  const ids = new Set(library.get_vocab(true).values());
  return {
    name: 'javascript',
    maxId: [...ids].reduce((a, b) => Math.max(a, b), -1),
    idOf: (token) => library.token_to_id(token),
    encode: (text, addSpecialTokens) => library.encode(text, { add_special_tokens: addSpecialTokens }).ids,
    decode: (tokens) =>
      // The library wants at least one id.
      tokens.length === 0
        ? ''
        : library.decode([...tokens], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
  };
}

/** Decoders of bytes lose a byte-order mark at the beginning of what they decode. */
function keepByteOrderMarks(decoder: Decoder | null): void {
  if (decoder === null) return;
  if (decoder.text_decoder) decoder.text_decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  decoder.decoders?.forEach(keepByteOrderMarks);
}
