/** Ids that begin, end and fill texts of a model that generates. */
export interface GenerationTokens {
  bos?: number;
  /** Any of them ends a text. */
  eos: readonly number[];
  pad?: number;
}

export const tokenIdKeys = ['bos_token_id', 'eos_token_id', 'pad_token_id'] as const;
/** Ids in the form in which the files have them. */
export type TokenIds = Partial<Record<(typeof tokenIdKeys)[number], unknown>>;

/** The ids as they stood in the files of a model that was loaded, for it to be saved with the same ones. */
const remembered = new WeakMap<object, TokenIds>();

/**
 * The ids that begin, end and fill texts, as the folder says from which a model was loaded: `generation_config.json`, and
 * for what that does not say `config.json`. None where neither does, or where the model was made otherwise.
 */
export function generationTokens(model: object): GenerationTokens {
  const { bos_token_id: bos, eos_token_id: eos, pad_token_id: pad } = remembered.get(model) ?? {};
  return {
    ...(typeof bos === 'number' && { bos }),
    eos: idsOf(eos),
    ...(typeof pad === 'number' && { pad }),
  };
}

/** Notes the ids of a model. */
export function rememberTokenIds(model: object, ids: TokenIds): void {
  remembered.set(model, ids);
}

/** What a saved model's `config.json` and `generation_config.json` say of its ids, in the form in which they were read. */
export function tokenIdsOf(model: object): TokenIds {
  return remembered.get(model) ?? {};
}

/** A number, a list, or an object of them (one for each kind of text): all end a text. */
export function entriesOf(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [value];
}

function idsOf(value: unknown): number[] {
  return entriesOf(value).filter((id): id is number => typeof id === 'number');
}
