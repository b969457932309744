import { referenceTokenizers } from '@scmoe/testing';

import { longWordsElsewhere } from './longWordsElsewhere.js';
import { huggingFaceTokenizer } from './huggingFaceTokenizer.js';
import type { TokenizerEngine } from './TokenizerEngine.js';

const engineOf = (name: 'native' | 'javascript', texts: string[]): TokenizerEngine => ({
  ...{ name, maxId: 0, idOf: () => undefined, decode: () => '' },
  encode: (text) => (texts.push(text), [text.length]),
});

it('has a text with a very long word read by the other engine, and makes that once', () => {
  const [own, others]: string[][] = [[], []];
  let made = 0;
  const engine = longWordsElsewhere(engineOf('native', own!), () => (made++, engineOf('javascript', others!)));
  const words = 'some words '.repeat(10_000);
  const letters = `a word ${'e'.repeat(50_000)} and another`;
  for (const text of [words, letters, 'short', letters]) expect(engine.encode(text, false)).toEqual([text.length]);
  expect(own).toEqual([words, 'short']);
  expect(others).toEqual([letters, letters]);
  expect([made, engine.name]).toEqual([1, 'native']);
});

it('stays with its engine where there is no other', () => {
  const own: string[] = [];
  const engine = longWordsElsewhere(engineOf('native', own), () => undefined);
  engine.encode('e'.repeat(60_000), false);
  expect(own).toHaveLength(1);
});

it.each(['t5', 'llama2'])('gives the ids of the reference for a long text of one letter: %s', async (name) => {
  const { tokenizer } = referenceTokenizers().find((each) => each.name === name)!;
  const text = Buffer.from('e'.repeat(60_000));
  const [auto, native] = await Promise.all(
    (['auto', 'native'] as const).map((engine) => huggingFaceTokenizer(tokenizer, {}, { engine })),
  );
  expect(Buffer.from(Int32Array.from(auto!.encode(text)).buffer)).toEqual(
    Buffer.from(Int32Array.from(native!.encode(text)).buffer),
  );
});
