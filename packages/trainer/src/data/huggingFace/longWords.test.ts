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

const ofWords = referenceTokenizers().filter(({ tokenizer }) =>
  ['BPE', 'Unigram'].includes((tokenizer as { model: { type: string } }).model.type),
);

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

it('a text of one letter has no length at which the stack is too small', async () => {
  for (const { tokenizer, name } of ofWords.filter(({ name }) => ['t5', 'llama2'].includes(name))) {
    const own = await huggingFaceTokenizer(tokenizer, {}, { engine: 'javascript' });
    expect([name, own.encode(Buffer.from('e'.repeat(300_000))).length]).toEqual([name, 300_001]);
  }
});
