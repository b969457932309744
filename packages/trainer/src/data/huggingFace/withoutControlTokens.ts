import type { ModelJson, TokenizerJson } from './TokenizerJson.js';

/**
 * The same tokenizer, in which no text spells a control token: those that `added_tokens` calls special get names that
 * nobody can write, in the vocabulary too, and keep their ids. What unknown words become, and what the template adds, stays.
 *
 * @returns the tokenizer, and the new name of each of these tokens
 */
export function withoutControlTokens(tokenizer: TokenizerJson): {
  tokenizer: TokenizerJson;
  names: Map<string, string>;
} {
  // Drawn anew in each process: a fixed name could be written into a text.
  const secret = crypto.getRandomValues(new Uint32Array(4)).join('-');
  const controls = (tokenizer.added_tokens ?? []).filter(({ special }) => special === true);
  const names = new Map(controls.map(({ content }, i) => [content, `\u{f0000}${secret}-${i}\u{f0000}`]));
  if (names.size === 0) return { tokenizer, names };
  const added = tokenizer.added_tokens!.map((token) => {
    const name = token.special === true ? names.get(token.content) : undefined;
    return name === undefined ? token : { ...token, content: name, normalized: false };
  });
  return { tokenizer: { ...tokenizer, added_tokens: added, model: renamed(tokenizer.model, names) }, names };
}

function renamed(model: ModelJson, names: ReadonlyMap<string, string>): ModelJson {
  const rename = (name: string) => names.get(name) ?? name;
  const result = { ...model };
  const { vocab, merges, unk_token } = model;
  if (Array.isArray(vocab)) result.vocab = vocab.map(([name, score]) => [rename(name), score]);
  else if (vocab) result.vocab = Object.fromEntries(Object.entries(vocab).map(([name, id]) => [rename(name), id]));
  if (typeof unk_token === 'string') result.unk_token = rename(unk_token);
  const prefix = model['continuing_subword_prefix'];
  const prefixLength = typeof prefix === 'string' ? prefix.length : 0;
  // A merge that makes a control token would spell it.
  result.merges = merges?.filter((merge) => {
    const [left, right] = typeof merge === 'string' ? (merge.split(' ') as [string, string]) : merge;
    return ![left, right, left + right.slice(prefixLength)].some((name) => names.has(name));
  });
  return result;
}
