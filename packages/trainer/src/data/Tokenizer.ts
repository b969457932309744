/** What a checkpoint keeps of a tokenizer: enough to build it again without the files it came from. */
export type TokenizerDescription =
  | { kind: 'byte' }
  | { kind: 'character'; characters: string }
  | { kind: 'gpt2' }
  | { kind: 'huggingface'; tokenizer: object; config: object };

/** What text may say besides itself. */
export interface EncodeOptions {
  /**
   * Whether text that spells a control token (`</s>`, `<|endoftext|>`) becomes that token. By default it stays text: whoever
   * writes a document or a prompt cannot end it, or speak as somebody else.
   */
  allowSpecial?: boolean;
  /** Whether the tokens that the tokenizer puts around a text (`[CLS]`, `<s>`) are added; by default they are not. */
  addSpecialTokens?: boolean;
}

/** Text to token ids and back. */
export interface Tokenizer {
  readonly description: TokenizerDescription;
  readonly vocabSize: number;
  /** Id that ends a document; undefined where the vocabulary has none. */
  readonly endOfText: number | undefined;
  /** Token ids of UTF-8 text. */
  encode(bytes: Uint8Array, options?: EncodeOptions): ArrayLike<number>;
  /** Text of token ids, without control tokens; an unfinished character at the end gives U+FFFD. */
  decode(ids: readonly number[]): string;
}
