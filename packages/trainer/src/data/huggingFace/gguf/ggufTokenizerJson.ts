import { UserError } from '@scmoe/errors';

import type { AddedTokenJson, ModelJson, PartJson, TokenizerJson } from '../TokenizerJson.js';
import { preTokenizers, type PreTokenizer } from './preTokenizers.js';

/** A vocabulary as the files of transformers hold it: `tokenizer.json`, and of `tokenizer_config.json` what is used. */
export interface TokenizerFiles {
  readonly tokenizer: TokenizerJson;
  readonly config: Readonly<Record<string, unknown>>;
}

/** What a token is, in `tokenizer.ggml.token_type`. */
const [normal, unknown, control, userDefined, byte] = [1, 2, 3, 4, 6];

/**
 * The vocabulary within a file of GGUF: of SentencePiece's pairs (`llama`), or of pairs of bytes (`gpt2`) that are split as
 * `tokenizer.ggml.pre` says.
 *
 * @param metadata the keys of the file
 * @param path begins every error
 * @throws UserError naming the key, where there is no vocabulary or one of another kind
 */
export function ggufTokenizerJson(metadata: Readonly<Record<string, unknown>>, path: string): TokenizerFiles {
  const read = new Keys(metadata, path);
  const kind = read.text('model');
  const tokens = read.list('tokens', (value): value is string => typeof value === 'string');
  const types = read.types(tokens.length);
  const vocabulary: Vocabulary = { tokens, types, ids: new Map(tokens.map((token, id) => [token, id])) };
  if (kind !== 'llama' && kind !== 'gpt2') return read.fail('model', '"llama" or "gpt2"', kind);
  const made = kind === 'llama' ? sentencePiece(read, vocabulary) : bytePairs(read, vocabulary);
  const { bos_token: bos, eos_token: eos } = specialTokens(read, tokens);
  const before = read.flag('add_bos_token', made.addsBos) ? bos : undefined;
  const behind = read.flag('add_eos_token', false) ? eos : undefined;
  return {
    tokenizer: {
      added_tokens: addedTokens(vocabulary),
      ...made.parts,
      post_processor: around(before, behind, vocabulary),
    },
    config: ggufTokenizerConfig(metadata, path),
  };
}

/** The chat template of a file of GGUF, and the tokens that it may name, as `tokenizer_config.json` has them. */
export function ggufTokenizerConfig(
  metadata: Readonly<Record<string, unknown>>,
  path: string,
): Readonly<Record<string, string>> {
  const tokens = metadata['tokenizer.ggml.tokens'];
  const template = metadata['tokenizer.chat_template'];
  return {
    ...(Array.isArray(tokens) && specialTokens(new Keys(metadata, path), tokens as string[])),
    ...(typeof template === 'string' && { chat_template: template }),
  };
}

/** Texts of the tokens that have a part to play, by the names of transformers. */
function specialTokens(read: Keys, tokens: readonly string[]): Record<string, string> {
  const names = Object.entries({ bos: 'bos', eos: 'eos', unk: 'unknown', pad: 'padding' });
  const found = names.flatMap(([theirs, name]): [string, string][] => {
    const id = read.id(`${name}_token_id`, tokens.length);
    return id === undefined ? [] : [[`${theirs}_token`, tokens[id]!]];
  });
  return Object.fromEntries(found);
}

interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  readonly ids: ReadonlyMap<string, number>;
}

interface Made {
  readonly parts: Pick<TokenizerJson, 'normalizer' | 'pre_tokenizer' | 'decoder' | 'model'>;
  readonly addsBos: boolean;
}

function bytePairs(read: Keys, { ids }: Vocabulary): Made {
  const pre = read.text('pre', 'gpt-2');
  const found: PreTokenizer | undefined = Object.hasOwn(preTokenizers, pre) ? preTokenizers[pre] : undefined;
  if (!found) return read.fail('pre', `one of ${Object.keys(preTokenizers).join(', ')}`, pre);
  const merges = read.list('merges', (value): value is string => typeof value === 'string');
  const { split, normalizer = null, ignoreMerges = false, addsBos = false } = found;
  const model = { ...plainModel(ids), merges, ignore_merges: ignoreMerges };
  const decoder = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true };
  return { parts: { normalizer, pre_tokenizer: sequence('pretokenizers', split), decoder, model }, addsBos };
}

function sentencePiece(read: Keys, vocabulary: Vocabulary): Made {
  const { tokens, types, ids } = vocabulary;
  const scores = read.list('scores', (value): value is number => typeof value === 'number');
  if (scores.length !== tokens.length) return read.fail('scores', `${tokens.length} numbers`, scores.length);
  const prefixes = read.flag('add_space_prefix', true);
  const unknownId = read.id('unknown_token_id', tokens.length) ?? 0;
  const space = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const model = {
    ...plainModel(ids),
    merges: mergesOf(vocabulary, scores),
    unk_token: tokens[unknownId]!,
    fuse_unk: true,
    byte_fallback: types.includes(byte),
  };
  const parts: PartJson[] = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    ...(prefixes ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
  ];
  const normalizers = [...(prefixes ? [{ type: 'Prepend', prepend: '▁' }] : []), space];
  return {
    parts: {
      normalizer: { type: 'Sequence', normalizers },
      pre_tokenizer: null,
      decoder: { type: 'Sequence', decoders: parts },
      model,
    },
    addsBos: true,
  };
}

/**
 * Pairs in the order in which SentencePiece merges them: by the score of what they make, as transformers works them out from
 * the same vocabulary.
 */
function mergesOf({ tokens, types, ids }: Vocabulary, scores: readonly number[]): [string, string][] {
  const found: { pair: [string, string]; score: number; lengths: [number, number] }[] = [];
  const isPiece = (text: string) => {
    const id = ids.get(text);
    return id !== undefined && types[id] === normal;
  };
  for (const [id, token] of tokens.entries()) {
    if (types[id] !== normal) continue;
    const letters = [...token];
    const pairs: [string, string][] = [];
    for (let cut = 1; cut < letters.length; cut++) {
      const [left, right] = [letters.slice(0, cut).join(''), letters.slice(cut).join('')];
      if (isPiece(left) && isPiece(right)) pairs.push([left, right]);
    }
    pairs.sort(([a, b], [c, d]) => ids.get(a)! - ids.get(c)! || ids.get(b)! - ids.get(d)!);
    for (const pair of pairs)
      found.push({ pair, score: scores[id]!, lengths: [[...pair[0]].length, [...pair[1]].length] });
  }
  found.sort((a, b) => b.score - a.score || b.lengths[0] - a.lengths[0] || b.lengths[1] - a.lengths[1]);
  return found.map(({ pair }) => pair);
}

function plainModel(ids: ReadonlyMap<string, number>): ModelJson {
  return {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    vocab: Object.fromEntries(ids),
  };
}

/** Tokens that are found in a text before all else. */
function addedTokens({ tokens, types }: Vocabulary): AddedTokenJson[] {
  return tokens.flatMap((content, id) => {
    const type = types[id];
    if (type !== control && type !== userDefined && type !== unknown) return [];
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content, ...plain, special: type !== userDefined }];
  });
}

/** What is put before and behind a text. */
function around(before: string | undefined, behind: string | undefined, { ids }: Vocabulary): PartJson | null {
  const given = [before, behind].filter((token) => token !== undefined);
  if (given.length === 0) return null;
  const single = (sequence: 'A' | 'B', type: number) => [
    ...(before === undefined ? [] : [{ SpecialToken: { id: before, type_id: type } }]),
    { Sequence: { id: sequence, type_id: type } },
    ...(behind === undefined ? [] : [{ SpecialToken: { id: behind, type_id: type } }]),
  ];
  return {
    type: 'TemplateProcessing',
    single: single('A', 0),
    pair: [...single('A', 0), ...single('B', 1)],
    special_tokens: Object.fromEntries(
      given.map((token) => [token, { id: token, ids: [ids.get(token)!], tokens: [token] }]),
    ),
  };
}

function sequence(name: string, parts: readonly PartJson[]): PartJson {
  return parts.length === 1 ? parts[0]! : { type: 'Sequence', [name]: parts };
}

/** The keys below `tokenizer.ggml`. */
class Keys {
  constructor(
    private readonly metadata: Readonly<Record<string, unknown>>,
    private readonly path: string,
  ) {}

  text(key: string, fallback?: string): string {
    const value = this.value(key) ?? fallback;
    return typeof value === 'string' ? value : this.fail(key, 'a name', value);
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.value(key) ?? fallback;
    return typeof value === 'boolean' ? value : this.fail(key, 'true or false', value);
  }

  id(key: string, count: number): number | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    const id = Number(value);
    return Number.isSafeInteger(id) && id >= 0 && id < count ? id : this.fail(key, `an id below ${count}`, value);
  }

  list<T>(key: string, is: (value: unknown) => value is T): T[] {
    const value = this.value(key);
    if (Array.isArray(value) && value.every(is)) return value;
    return this.fail(key, 'a list with an entry for each', Array.isArray(value) ? 'others' : value);
  }

  /** Kinds of the tokens; all are normal where nothing is said. */
  types(count: number): number[] {
    if (this.value('token_type') === undefined) return Array.from({ length: count }, () => normal);
    const types = this.list('token_type', (value): value is number => typeof value === 'number');
    return types.length === count ? types : this.fail('token_type', `${count} of them`, types.length);
  }

  fail(key: string, expected: string, value: unknown): never {
    const got = JSON.stringify(value ?? null);
    throw new UserError(`${this.path}: tokenizer.ggml.${key}: expected ${expected}, got ${got}`, { exitCode: 2 });
  }

  private value(key: string): unknown {
    return this.metadata[`tokenizer.ggml.${key}`];
  }
}
