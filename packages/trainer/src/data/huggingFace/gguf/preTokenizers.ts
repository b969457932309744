import type { PartJson } from '../TokenizerJson.js';

/** What `tokenizer.ggml.pre` stands for: how text is split before byte pairs are merged, and what else the family has. */
export interface PreTokenizer {
  readonly split: readonly PartJson[];
  readonly normalizer?: PartJson;
  /** A whole word that is a token is one, whatever the merges would make of it. */
  readonly ignoreMerges?: boolean;
  /** Whether texts begin with the token for it where the file does not say. */
  readonly addsBos?: boolean;
}

const byRegex = (regex: string): readonly PartJson[] => [
  { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false },
  { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
];

/** Words, numbers of up to so many digits, and signs: GPT-4's form, and those after it. */
const gpt4Like = (digits: string) =>
  byRegex(
    `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  );

/** Words whose capitals stand in front: GPT-4o's form. */
const gpt4oLike = (digits: string, endings: string) => {
  const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
  const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
  const before = '[^\\r\\n\\p{L}\\p{N}]?';
  const words = [`${upper}*${lower}+`, `${upper}+${lower}*`].map((word) => `${before}${word}${endings}`);
  return byRegex(`${words.join('|')}|\\p{N}${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`);
};

const gpt2: PreTokenizer = {
  split: [{ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }],
};
const starcoder: PreTokenizer = { split: [{ type: 'Digits', individual_digits: true }, ...gpt2.split] };
const gpt4: PreTokenizer = { split: gpt4Like('{1,3}') };
const gpt4o: PreTokenizer = { split: gpt4oLike('{1,3}', "(?i:'s|'t|'re|'ve|'m|'ll|'d)?") };
const qwen2: PreTokenizer = { split: gpt4Like(''), normalizer: { type: 'NFC' } };

/** Those of the families that are read, by the names of llama.cpp. */
export const preTokenizers: Readonly<Record<string, PreTokenizer>> = {
  'gpt-2': gpt2,
  olmo: gpt2,
  dbrx: gpt4,
  'chatglm-bpe': gpt4,
  glm4: gpt4,
  'llama-bpe': { ...gpt4, ignoreMerges: true, addsBos: true },
  llama3: { ...gpt4, ignoreMerges: true, addsBos: true },
  'llama-v3': { ...gpt4, ignoreMerges: true, addsBos: true },
  qwen2,
  'gpt-4o': gpt4o,
  refact: starcoder,
  starcoder,
  tekken: { split: gpt4oLike('', ''), ignoreMerges: true, addsBos: true },
};
