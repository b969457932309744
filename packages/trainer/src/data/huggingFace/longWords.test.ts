import { referenceTokenizers } from '@scmoe/testing';
import { RandomStream } from '@scmoe/tensor';

import type { Tokenizer } from '../Tokenizer.js';
import { huggingFaceTokenizer } from './huggingFaceTokenizer.js';

/** Words longer than any that the reference texts have, drawn from few letters so that many pairs of a rank overlap. */
const texts = ['a', ' ', 'a o', '木', 'ab', 'the ', 'aé😀'].map((letters, i) => {
  const random = new RandomStream({ seed: 1, stream: i });
  const characters = Array.from(letters);
  return Array.from({ length: 700 }, () => characters[random.int(characters.length)]!).join('');
});

const ofWords = referenceTokenizers().flatMap(({ name, tokenizer }) => {
  const { model } = tokenizer as { model: { type: string } };
  if (['BPE', 'Unigram'].includes(model.type)) return [{ name, tokenizer }];
  if (model.type !== 'WordPiece') return [];
  // What a file may say: words of any length are cut into pieces.
  return [{ name, tokenizer: { ...tokenizer, model: { ...model, max_input_chars_per_word: 1e9 } } }];
});

it.each(ofWords)('$name: long words in JavaScript have the ids of the reference', async ({ tokenizer }) => {
  let own: Tokenizer;
  try {
    own = await huggingFaceTokenizer(tokenizer, {}, { engine: 'javascript' });
  } catch {
    return; // what differs is refused: huggingFaceTokenizer.reference.test.ts
  }
  const reference = await huggingFaceTokenizer(tokenizer, {}, { engine: 'native' });
  for (const text of texts.map((each) => Buffer.from(each)))
    expect(Array.from(own.encode(text))).toEqual(Array.from(reference.encode(text)));
});

it.each([
  { name: 't5', letters: 300_000, tokens: 300_001 },
  { name: 'llama2', letters: 300_000, tokens: 300_001 },
  { name: 'bert-uncased', letters: 30_000, tokens: 30_000 },
])('$name: a text of one letter has no length at which the stack is too small', async ({ name, letters, tokens }) => {
  const { tokenizer } = ofWords.find((each) => each.name === name)!;
  const own = await huggingFaceTokenizer(tokenizer, {}, { engine: 'javascript' });
  expect(own.encode(Buffer.from('e'.repeat(letters)))).toHaveLength(tokens);
});
