/** The two libraries that read `tokenizer.json`. */
export type EngineName = 'native' | 'javascript';

/** What a library does with one `tokenizer.json`. */
export interface TokenizerEngine {
  readonly name: EngineName;
  /** Largest id of the vocabulary, added tokens included; -1 where it is empty. */
  readonly maxId: number;
  /** Id of a token; undefined where the vocabulary has no such token. */
  idOf(token: string): number | undefined;
  /** Ids of a text, with what the template adds where `addSpecialTokens` is true. */
  encode(text: string, addSpecialTokens: boolean): ArrayLike<number>;
  /** Text of ids, special tokens left out. */
  decode(ids: readonly number[]): string;
}
