/** What a checkpoint keeps of a tokenizer: enough to build it again without the files it came from. */
export type TokenizerDescription =
  | { kind: 'byte' }
  | { kind: 'character'; characters: string }
  | { kind: 'gpt2' }
  | { kind: 'huggingface'; tokenizer: object; config: object };

/** Text to token ids and back. */
export interface Tokenizer {
  readonly description: TokenizerDescription;
  readonly vocabSize: number;
  /** Id that ends a document; undefined where the vocabulary has none. */
  readonly endOfText: number | undefined;
  /** Token ids of UTF-8 text. Text that looks like a special token is text. */
  encode(bytes: Uint8Array): ArrayLike<number>;
  /** Text of token ids; an unfinished character at the end gives U+FFFD. */
  decode(ids: readonly number[]): string;
}
