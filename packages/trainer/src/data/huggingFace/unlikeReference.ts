import type { AddedTokenJson, ModelJson, PartJson, TokenizerJson } from './TokenizerJson.js';

/** Says why a part is read otherwise than by the reference; undefined where it is read alike. */
type Check = (part: PartJson, tokenizer: TokenizerJson) => string | undefined;

const alike: Check = () => undefined;
const unicodeForms = ['NFC', 'NFD', 'NFKC', 'NFKD'];

const normalizers: Record<string, Check> = {
  ...Object.fromEntries(unicodeForms.map((form) => [form, alike])),
  Lowercase: alike,
  StripAccents: alike,
  Prepend: alike,
  Replace: ({ pattern, content }) =>
    typeof regexOf(pattern) === 'string' && String(content).includes('$') ? 'a group in what replaces' : undefined,
  BertNormalizer: ({ clean_text }) => (clean_text === false ? 'clean_text false' : undefined),
};

const preTokenizers: Record<string, Check> = {
  ByteLevel: ({ add_prefix_space }) => (add_prefix_space === false ? undefined : 'add_prefix_space'),
  Metaspace: alike,
  // A byte-order mark is white space to JavaScript; that normaliser takes it away.
  BertPreTokenizer: (_, { normalizer }) =>
    normalizer?.type === 'BertNormalizer' ? undefined : 'white space outside of ASCII',
  Punctuation: ({ behavior }) => (behavior === 'Contiguous' ? undefined : `behavior ${String(behavior)}`),
  Split: ({ pattern, behavior, invert }, { normalizer }) => {
    const text = stringOf(pattern);
    // What the normaliser has replaced cuts nothing: Gemma's.
    if (text !== undefined && normalizer?.type === 'Replace' && stringOf(normalizer['pattern']) === text)
      return undefined;
    if (invert === true)
      return behavior === 'Removed' && text === undefined ? undefined : `invert with ${String(behavior)}`;
    const allowed = text === undefined ? ['Isolated', 'Removed'] : ['Isolated'];
    return allowed.includes(String(behavior)) ? undefined : `behavior ${String(behavior)}`;
  },
};

const decoders: Record<string, Check> = {
  ByteLevel: alike,
  ByteFallback: alike,
  BPEDecoder: alike,
  Fuse: alike,
  Replace: alike,
  Strip: alike,
  WordPiece: alike,
  Metaspace: ({ prepend_scheme }) => (prepend_scheme === 'never' ? 'prepend_scheme never' : undefined),
  CTC: ({ cleanup }) => (cleanup === false ? undefined : 'cleanup'),
};

const postProcessors: Record<string, Check> = {
  TemplateProcessing: alike,
  BertProcessing: alike,
  RobertaProcessing: alike,
  ByteLevel: alike,
};

const models: Record<string, Check> = {
  BPE: (model, tokenizer) => {
    if (model['dropout'] !== undefined && model['dropout'] !== null) return 'dropout';
    if (model['continuing_subword_prefix']) return 'continuing_subword_prefix';
    if (model['end_of_word_suffix']) return 'end_of_word_suffix';
    return knowsEveryByte(model, tokenizer) ? undefined : 'unknown characters without an unk_token';
  },
  Unigram: ({ byte_fallback, unk_id }) => {
    if (byte_fallback === true) return 'byte_fallback';
    return typeof unk_id === 'number' ? undefined : 'no unk_id';
  },
  WordPiece: alike,
  WordLevel: ({ vocab, unk_token }) =>
    Object.hasOwn(vocab as object, String(unk_token)) ? undefined : 'an unk_token that is not in the vocabulary',
};

const parts = [
  ['normalizer', normalizers, 'normalizers'],
  ['pre_tokenizer', preTokenizers, 'pretokenizers'],
  ['model', models, undefined],
  ['post_processor', postProcessors, 'processors'],
  ['decoder', decoders, 'decoders'],
] as const;

/**
 * What `@huggingface/tokenizers` 0.2.0 encodes or decodes otherwise than the reference does, in words: the part of
 * tokenizer.json, its type and the option. It names whatever has not been seen to agree on the texts of
 * `tools/reference/tokenizers`; undefined where all parts have.
 */
export function unlikeReference(tokenizer: TokenizerJson): string | undefined {
  for (const [name, checks, list] of parts) {
    const part = tokenizer[name];
    const found = part ? unlikePart(name, part, checks, list, tokenizer) : undefined;
    if (found !== undefined) return found;
  }
  for (const token of tokenizer.added_tokens ?? []) {
    const why = unlikeToken(token, tokenizer);
    if (why !== undefined) return `added token ${JSON.stringify(token.content)} (${why})`;
  }
  return undefined;
}

function unlikePart(
  name: string,
  part: PartJson,
  checks: Record<string, Check>,
  list: string | undefined,
  tokenizer: TokenizerJson,
): string | undefined {
  if (list !== undefined && part.type === 'Sequence') {
    const members = Array.isArray(part[list]) ? (part[list] as PartJson[]) : [];
    for (const member of members) {
      const found = unlikePart(name, member, checks, list, tokenizer);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const type = String(part.type);
  if (!Object.hasOwn(checks, type)) return `${name} "${type}"`;
  const why = checks[type]!(part, tokenizer);
  return why === undefined ? undefined : `${name} "${type}" (${why})`;
}

function unlikeToken(token: AddedTokenJson, { normalizer }: TokenizerJson): string | undefined {
  if (token.single_word === true) return 'single_word';
  // White space is not the same to JavaScript.
  if (token.lstrip === true) return 'lstrip';
  if (token.rstrip === true) return 'rstrip';
  if (token.normalized !== true || !normalizer) return undefined;
  const members = normalizer.type === 'Sequence' ? (normalizer['normalizers'] as PartJson[]) : [normalizer];
  const keeps = members.every(({ type }) => unicodeForms.includes(String(type))) && /^[\0-\x7f]*$/.test(token.content);
  return keeps ? undefined : 'normalized';
}

/** Whether no text has a character without an id: there is a token for unknown ones, or one for each byte. */
function knowsEveryByte(part: PartJson, { pre_tokenizer }: TokenizerJson): boolean {
  const { unk_token, vocab } = part as ModelJson;
  if (unk_token !== undefined && unk_token !== null) return true;
  const isByteLevel = JSON.stringify(pre_tokenizer ?? null).includes('"ByteLevel"');
  if (!isByteLevel) return false;
  // The letters of byte-level encodings: printable Latin-1 as it is, the other bytes from U+0100 on.
  const letters = Array.from({ length: 256 }, (_, byte) => byte).filter(
    (byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173),
  );
  const others = Array.from({ length: 256 - letters.length }, (_, i) => 256 + i);
  return [...letters, ...others].every((code) => Object.hasOwn(vocab as object, String.fromCharCode(code)));
}

function regexOf(pattern: unknown): unknown {
  return (pattern as { Regex?: unknown } | undefined)?.Regex;
}

function stringOf(pattern: unknown): string | undefined {
  const text = (pattern as { String?: unknown } | undefined)?.String;
  return typeof text === 'string' ? text : undefined;
}
