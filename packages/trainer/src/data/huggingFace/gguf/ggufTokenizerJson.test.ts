import { referenceTokenizers } from '@scmoe/testing';

import { huggingFaceTokenizer } from '../huggingFaceTokenizer.js';
import type { TokenizerJson } from '../TokenizerJson.js';
import { ggufTokenizerJson } from './ggufTokenizerJson.js';

/** Tokenizers of the reference by the `pre` that llama.cpp's converter gives them; `llama` has none. */
const cases = {
  gpt2: 'gpt-2',
  llama3: 'llama-bpe',
  qwen2: 'qwen2',
  o200k: 'gpt-4o',
  starcoder: 'refact',
  llama2: 'llama',
};

/** What llama.cpp's converter writes of a tokenizer.json. */
function metadataOf({ model, added_tokens: added = [] }: TokenizerJson, pre: string): Record<string, unknown> {
  const vocab = model.vocab as Record<string, number>;
  const byId = new Map(Object.entries(vocab).map(([token, id]) => [id, token]));
  for (const { id, content } of added) byId.set(id, content);
  const tokens = Array.from({ length: byId.size }, (_, id) => byId.get(id)!);
  const typeOf = (token: string, id: number) => {
    const found = added.find((each) => each.id === id);
    if (found) return found.special ? (token === model.unk_token ? 2 : 3) : 4;
    return /^<0x..>$/.test(token) ? 6 : 1;
  };
  const isPieces = pre === 'llama';
  const first = isPieces ? '<s>' : '</s>';
  return {
    'tokenizer.ggml.model': isPieces ? 'llama' : 'gpt2',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': tokens.map(typeOf),
    'tokenizer.ggml.bos_token_id': tokens.indexOf(first),
    'tokenizer.ggml.eos_token_id': tokens.indexOf('</s>'),
    ...(isPieces
      ? { 'tokenizer.ggml.scores': scoresOf(tokens, model.merges as [string, string][]) }
      : {
          'tokenizer.ggml.pre': pre,
          'tokenizer.ggml.merges': model.merges!.map((merge) => (typeof merge === 'string' ? merge : merge.join(' '))),
        }),
  };
}

/** SentencePiece's scores: the later a piece was made, the lower. */
function scoresOf(tokens: readonly string[], merges: readonly [string, string][]): number[] {
  const made = new Map(merges.map((pair, rank) => [pair.join(''), -rank]));
  return tokens.map((token) => made.get(token) ?? -merges.length);
}

describe.each(Object.entries(cases))('the vocabulary of a file of GGUF, %s as %s', (name, pre) => {
  const reference = referenceTokenizers().find((each) => each.name === name)!;

  it('gives the ids and texts of the tokenizer that it was made from', async () => {
    const { tokenizer, config } = ggufTokenizerJson(metadataOf(reference.tokenizer as TokenizerJson, pre), 'x.gguf');
    const made = await huggingFaceTokenizer(tokenizer, config);
    expect(reference.texts.length).toBeGreaterThanOrEqual(12);
    for (const { text, ids, template, decoded } of reference.texts) {
      const bytes = Buffer.from(text);
      expect([text, Array.from(made.encode(bytes, { allowSpecial: true }))]).toEqual([text, ids]);
      if (template)
        expect(Array.from(made.encode(bytes, { allowSpecial: true, addSpecialTokens: true }))).toEqual(template);
      expect(made.decode(ids!)).toBe(decoded);
    }
    expect(made.endOfText).toBe(metadataOf(reference.tokenizer as TokenizerJson, pre)['tokenizer.ggml.eos_token_id']);
  });
});

describe('ggufTokenizerJson', () => {
  const plain = { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.tokens': ['a'], 'tokenizer.ggml.merges': [] };

  it.each([
    [{}, 'x.gguf: tokenizer.ggml.model: expected a name, got null'],
    [
      { ...plain, 'tokenizer.ggml.model': 'bert' },
      'x.gguf: tokenizer.ggml.model: expected "llama" or "gpt2", got "bert"',
    ],
    [
      { ...plain, 'tokenizer.ggml.pre': 'poro-chat' },
      /tokenizer.ggml.pre: expected one of gpt-2, .*, got "poro-chat"$/,
    ],
    [{ ...plain, 'tokenizer.ggml.token_type': [1, 1] }, 'x.gguf: tokenizer.ggml.token_type: expected 1 of them, got 2'],
    [
      { ...plain, 'tokenizer.ggml.eos_token_id': 5 },
      'x.gguf: tokenizer.ggml.eos_token_id: expected an id below 1, got 5',
    ],
  ])('refuses %j', (metadata, message) => {
    expect(() => ggufTokenizerJson(metadata, 'x.gguf')).toThrow(message);
  });

  it('gives the chat template and the names of tokens', () => {
    const template = { 'tokenizer.chat_template': '{{ x }}', 'tokenizer.ggml.bos_token_id': 0 };
    const { config } = ggufTokenizerJson({ ...plain, ...template }, 'x.gguf');
    expect(config).toEqual({ bos_token: 'a', chat_template: '{{ x }}' });
  });
});
