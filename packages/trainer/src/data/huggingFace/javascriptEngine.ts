import type { TokenizerEngine } from './TokenizerEngine.js';
import type { ModelJson, TokenizerJson } from './TokenizerJson.js';
import { unigramSplitter } from './unigramSplitter.js';
import { wordMerger } from './wordMerger.js';
import { wordPieceSplitter } from './wordPieceSplitter.js';

/** What is used of the library, whose own types need a bundler to resolve. */
interface Library {
  decoder: Decoder | null;
  model: {
    /** What the library calls: tokens of words by `encode`, unknown ones joined where the model says so. */
    _call(words: string[]): unknown[];
    encode(words: string[]): string[];
    bpe?(word: string): string[];
    tokens_to_ids: ReadonlyMap<string, number>;
    unk_token_id: number;
    end_of_word_suffix?: string;
    continuing_subword_suffix?: string | null;
  };
  added_tokens_map: ReadonlyMap<string, { id: number }>;
  post_processor: ((tokens: unknown[], pair: null, addSpecialTokens: boolean) => { tokens: unknown[] }) | null;
  get_vocab(withAddedTokens: boolean): Map<string, number>;
  token_to_id(token: string): number | undefined;
  encode_text(text: string): unknown[];
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
  mergeLongWords(library.model, tokenizer.model);
  splitUnigrams(library.model, tokenizer.model);
  splitWordPieces(library.model, tokenizer.model);
  const encode = idEncoder(library);
  const ids = new Set(library.get_vocab(true).values());
  return {
    name: 'javascript',
    maxId: [...ids].reduce((a, b) => Math.max(a, b), -1),
    idOf: (token) => library.token_to_id(token),
    encode,
    decode: (tokens) =>
      // The library wants at least one id.
      tokens.length === 0
        ? ''
        : library.decode([...tokens], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
  };
}

/**
 * Encodes without the library's own `encode`, which hands a list of all tokens from step to step and copies it at each. Here
 * a part of the text that the model has encoded travels as one list of ids among the added tokens.
 */
function idEncoder(library: Library): TokenizerEngine['encode'] {
  const { model, added_tokens_map } = library;
  const idOf = (token: string) =>
    added_tokens_map.get(token)?.id ?? model.tokens_to_ids.get(token) ?? model.unk_token_id;
  const tokensOf = model._call.bind(model) as (words: string[]) => string[];
  model._call = (words) => [tokensOf(words).map(idOf)];
  return (text, addSpecialTokens) => {
    const encoded = library.encode_text(text);
    const { tokens } = library.post_processor?.(encoded, null, addSpecialTokens) ?? { tokens: encoded };
    const parts = (tokens as (string | number[])[]).map((part) => (typeof part === 'string' ? [idOf(part)] : part));
    return parts.length === 1 ? parts[0]! : parts.flat();
  };
}

/** Letters of a word from which on it is merged here: what the library keeps of words that it has seen is faster. */
const longWord = 64;

/**
 * Merges long words by ids instead of texts, in a tenth of the time: the whole text is one word where nothing cuts it, as in
 * LLaMA 2.
 */
function mergeLongWords(model: Library['model'], { merges }: ModelJson): void {
  const { end_of_word_suffix, continuing_subword_suffix } = model;
  const ofLibrary = model.bpe?.bind(model);
  if (ofLibrary === undefined || merges === undefined || end_of_word_suffix || continuing_subword_suffix) return;
  let merge: ReturnType<typeof wordMerger> | null = null;
  model.bpe = (word) => {
    if (word.length < longWord) return ofLibrary(word);
    // Most texts have no such word, and the table takes its time.
    merge = merge === null ? wordMerger(merges) : merge;
    return merge === undefined ? ofLibrary(word) : merge(word);
  };
}

/** Splits words by numbers instead of objects, in a tenth of the time; nor is there a length at which the stack is too small. */
function splitUnigrams(model: Library['model'], { type, vocab, unk_id }: ModelJson): void {
  if (type !== 'Unigram' || !Array.isArray(vocab) || typeof unk_id !== 'number') return;
  let split: ReturnType<typeof unigramSplitter> | undefined;
  model.encode = (words) => {
    split ??= unigramSplitter(vocab, unk_id);
    return words.length === 1 ? split(words[0]!) : words.flatMap(split);
  };
}

/** Splits words in time proportional to their length; the library tries every length at every letter. */
function splitWordPieces(model: Library['model'], { type, ...options }: ModelJson): void {
  if (type === 'WordPiece') model.encode = wordPieceSplitter(model.tokens_to_ids, options);
}

/** Decoders of bytes lose a byte-order mark at the beginning of what they decode. */
function keepByteOrderMarks(decoder: Decoder | null): void {
  if (decoder === null) return;
  if (decoder.text_decoder) decoder.text_decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  decoder.decoders?.forEach(keepByteOrderMarks);
}
