/** An entry of `added_tokens`. */
export interface AddedTokenJson {
  id: number;
  content: string;
  special?: boolean;
  normalized?: boolean;
  single_word?: boolean;
  lstrip?: boolean;
  rstrip?: boolean;
}

/** A normaliser, pre-tokeniser, post-processor or decoder: its type, and options that each type has for itself. */
export type PartJson = { type?: string } & Record<string, unknown>;

/** The model: vocabulary, and for byte-pair encoding its merges. */
export type ModelJson = PartJson & {
  vocab?: Record<string, number> | [string, number][];
  merges?: (string | [string, string])[];
  unk_token?: string | null;
};

/** `tokenizer.json` as far as it is looked into here; the libraries check the rest. */
export interface TokenizerJson {
  added_tokens?: AddedTokenJson[];
  normalizer?: PartJson | null;
  pre_tokenizer?: PartJson | null;
  post_processor?: PartJson | null;
  decoder?: PartJson | null;
  model: ModelJson;
  truncation?: unknown;
  padding?: unknown;
}
