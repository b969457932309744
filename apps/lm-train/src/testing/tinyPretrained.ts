import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { Gpt, savePretrained } from '@scmoe/models';

/** The characters that stand for bytes in byte-level vocabularies (GPT-2). */
const byteCharacters = (() => {
  const plain = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(plain(byte) ? byte : next++));
})();

/** Writes a tiny Mixtral as transformers has it, with a tokenizer of bytes. */
export async function tinyPretrained(folder: string): Promise<void> {
  const config = {
    vocabSize: 260,
    numLayers: 2,
    dModel: 16,
    numHeads: 4,
    numKvHeads: 2,
    sequenceLength: 32,
    ffnHidden: 20,
    positionEncoding: 'rotary',
    norm: 'rms',
    activation: 'swiglu',
    attentionBias: false,
    tiedEmbeddings: false,
    placement: 'every',
    moe: { kind: 'standard', numExperts: 4, topK: 2, balance: 'allLayers' },
  } as const;
  const model = new Gpt(config, { seed: 1 });
  await savePretrained(model, folder, { modelType: 'mixtral' });
  model.dispose();
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const tokenizer = {
    version: '1.0',
    added_tokens: [
      { id: 256, content: '</s>', special: true, normalized: false, single_word: false, lstrip: false, rstrip: false },
    ],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(byteCharacters.map((character, byte) => [character, byte])),
      merges: [],
    },
  };
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ eos_token: '</s>' }));
}

/** Writes a tokenizer of 40 words: a and b, and whatever else is one. */
export function tinyWords(path: string): void {
  const words = Array.from({ length: 40 }, (_, id) => ['a', 'b', '</s>'][id] ?? `w${id}`);
  const tokenizer = {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: null,
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(words.map((word, id) => [word, id])), unk_token: 'a' },
  };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(tokenizer));
}
