import { referenceTokenizers, type TokenizedText } from '@scmoe/testing';

import { streamDecoder } from '../streamDecoder.js';
import type { Tokenizer } from '../Tokenizer.js';
import { huggingFaceTokenizer } from './huggingFaceTokenizer.js';

const cases = referenceTokenizers();
const withReference = { allowSpecial: true };

function expectAsReference(tokenizer: Tokenizer, { text, ids, template, decoded, streamed }: TokenizedText): void {
  const bytes = Buffer.from(text);
  if (ids === undefined) {
    expect(() => tokenizer.encode(bytes, withReference)).toThrow(/^Can't encode: /);
    return;
  }
  expect(Array.from(tokenizer.encode(bytes, withReference))).toEqual(ids);
  const whole = tokenizer.encode(bytes, { ...withReference, addSpecialTokens: true });
  expect(Array.from(whole)).toEqual(template ?? ids);
  // An object: the reference has an error for these ids.
  if (typeof decoded !== 'string') return;
  expect(tokenizer.decode(ids)).toBe(decoded);
  // Text that more tokens change cannot be streamed, and broken characters are not held back for ever.
  if (typeof streamed === 'object' || decoded.includes('\ufffd')) return;
  const decode = streamDecoder(tokenizer);
  expect(ids.map((id) => decode(id)).join('') + decode()).toBe(decoded);
}

describe.each(['native', 'javascript'] as const)('a Hugging Face tokenizer, %s', (engine) => {
  const refused: string[] = [];

  it.each(cases)(
    '$name: ids, texts and streams are those of the reference, or the file is refused',
    async (reference) => {
      let tokenizer: Tokenizer;
      try {
        tokenizer = await huggingFaceTokenizer(reference.tokenizer, {}, { engine });
      } catch (error) {
        expect((error as Error).message).toMatch(
          /^Can't use tokenizer.json: (normalizer|pre_tokenizer|model|decoder|added token) ".*Expected /,
        );
        refused.push(reference.name);
        return;
      }
      for (const text of reference.texts) expectAsReference(tokenizer, text);
    },
  );

  it('refuses few', () => {
    if (engine === 'native') expect(refused).toEqual([]);
    // What most published models are made of works in JavaScript too.
    else {
      for (const name of ['gpt2', 'llama2', 'llama3', 'qwen2', 'gemma', 'deepseek', 't5', 'bert-uncased', 'albert']) {
        expect(refused).not.toContain(name);
      }
    }
  });
});

it('refuses, natively, a decoder that may end the process', async () => {
  const decoder = { type: 'Strip', content: ' ', start: 0, stop: 1 };
  const made = huggingFaceTokenizer({ ...cases[0]!.tokenizer, decoder }, {}, { engine: 'native' });
  await expect(made).rejects.toThrow(/decoder "Strip" with stop 1 .* Expected stop 0\.$/);
});

describe('text that spells a control token', () => {
  const controls = cases.map(({ name, tokenizer }) => ({
    name,
    tokenizer,
    ids: (tokenizer as { added_tokens: { id: number; special: boolean; content: string }[] }).added_tokens
      // An unknown word is what no text needs to spell.
      .filter(({ special, content }) => special && !/unk|<\|endoftext\|>/i.test(content))
      .map(({ id }) => id),
  }));
  const text = Buffer.from('a</s>b <s>[CLS] [SEP]<mask> [MASK][PAD]');

  it.each(controls.filter(({ ids }) => ids.length > 0))('$name: stays text', async ({ name, tokenizer, ids }) => {
    if (name === 'decoder-strip') return;
    const made = await huggingFaceTokenizer(tokenizer, {}, { engine: 'native' });
    expect(Array.from(made.encode(text)).filter((id) => ids.includes(id))).toEqual([]);
    expect(Array.from(made.encode(text, withReference)).some((id) => ids.includes(id))).toBe(true);
  });

  it.each(cases.filter(({ name }) => name !== 'decoder-strip'))('$name: other text is as before', async (reference) => {
    const made = await huggingFaceTokenizer(reference.tokenizer, {}, { engine: 'native' });
    const plain = reference.texts.filter(({ text, ids }) => ids && !/[<[]|token/.test(text));
    expect(plain.length).toBeGreaterThan(5);
    for (const { text, ids } of plain) expect(Array.from(made.encode(Buffer.from(text)))).toEqual(ids);
  });
});
