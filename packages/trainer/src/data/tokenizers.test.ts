import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { UserError } from '@scmoe/errors';

import { createTokenizer, restoreTokenizer } from './createTokenizer.js';
import { fingerprint } from './fingerprint.js';
import { huggingFaceTokenizer } from './huggingFace/huggingFaceTokenizer.js';
import { streamDecoder } from './streamDecoder.js';
import type { Tokenizer } from './Tokenizer.js';
import { tokenizeCorpus } from './tokenizeCorpus.js';

const sample = 'interface Größe { größe: "€" | "😀" } <|endoftext|>\n';
const document = { name: 'sample', bytes: Buffer.from(sample) };

/** A word-level tokenizer in Hugging Face's format, small enough to write out. */
const wordLevel = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [
    { id: 0, content: '<unk>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
    { id: 1, content: '</s>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
  ],
  normalizer: null,
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: null,
  decoder: null,
  model: { type: 'WordLevel', vocab: { '<unk>': 0, '</s>': 1, hello: 2, world: 3 }, unk_token: '<unk>' },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(wordLevel));
  await writeFile(join(folder, 'broken.json'), '{');
  await writeFile(join(folder, 'other.json'), '{"name": "x"}');
});
afterAll(() => rm(folder, { recursive: true }));

describe.each(['byte', 'character', 'gpt2'])('%s tokenizer', (name) => {
  let tokenizer: Tokenizer;
  beforeAll(async () => void (tokenizer = await createTokenizer(name, [document])));

  it('gives back what it was given, special tokens as text', () => {
    const ids = Array.from(tokenizer.encode(document.bytes));
    expect(tokenizer.decode(ids)).toBe(sample);
    expect(Math.max(...ids)).toBeLessThan(tokenizer.vocabSize);
  });

  it('is the same after a round trip through JSON', async () => {
    const description = JSON.parse(JSON.stringify(tokenizer.description)) as Tokenizer['description'];
    const restored = await restoreTokenizer(description);
    expect(Array.from(restored.encode(document.bytes))).toEqual(Array.from(tokenizer.encode(document.bytes)));
    expect(restored.vocabSize).toBe(tokenizer.vocabSize);
  });

  it('keeps a byte-order mark at the beginning of a text', () => {
    if (name === 'character') return;
    expect(tokenizer.decode(Array.from(tokenizer.encode(Buffer.from('\ufeffa'))))).toBe('\ufeffa');
  });

  it('streams text without broken characters', () => {
    const decode = streamDecoder(tokenizer);
    const pieces = Array.from(tokenizer.encode(document.bytes), (id) => decode(id));
    expect(pieces.join('')).toBe(sample);
    expect(pieces.every((piece) => !piece.includes('\ufffd'))).toBe(true);
  });
});

describe('tokenizers', () => {
  it('byte: a token is a byte, and one more ends a document', async () => {
    const { ids, numBytes } = tokenizeCorpus([document, document], await createTokenizer('byte', []));
    expect(ids).toHaveLength(2 * document.bytes.length + 2);
    expect(ids[document.bytes.length]).toBe(256);
    expect(numBytes).toBe(2 * document.bytes.length);
  });

  it('byte: what a tokenizer gives has to be in its vocabulary, and the document and place are named where it is not', async () => {
    const byte = await createTokenizer('byte', []);
    for (const [id, got] of [
      [-1, '-1'],
      [257, '257'],
      [1e9, '1000000000'],
      [NaN, 'NaN'],
      [0.5, '0.5'],
    ] as const) {
      const wrong = { ...byte, encode: () => [1, 2, id] };
      expect(() => tokenizeCorpus([document], wrong)).toThrow(
        new UserError(`${document.name}: token 2: expected an id from 0 to 256, got ${got}.`),
      );
    }
  });

  it('character: an unknown character is an error that names it', async () => {
    const tokenizer = await createTokenizer('character', [{ name: 'a', bytes: Buffer.from('abc') }]);
    expect(tokenizer.vocabSize).toBe(3);
    expect(() => tokenizer.encode(Buffer.from('abx'))).toThrow('Character "x" is not in the vocabulary');
  });

  it('gpt2: the ids are those of the published encoding', async () => {
    const tokenizer = await createTokenizer('gpt2', []);
    expect(Array.from(tokenizer.encode(Buffer.from('Hello world')))).toEqual([15496, 995]);
    expect(tokenizer.endOfText).toBe(50256);
  });

  it('gpt2: the end of a document is text unless the caller asks', async () => {
    const tokenizer = await createTokenizer('gpt2', []);
    const text = Buffer.from('a<|endoftext|>b');
    expect(Array.from(tokenizer.encode(text))).not.toContain(50256);
    expect(Array.from(tokenizer.encode(text, { allowSpecial: true }))).toEqual([64, 50256, 65]);
  });

  it.each([
    ['one letter', 'a'.repeat(1e6), 250_000],
    ['spaces', ' '.repeat(1e6), 1e6],
    ['letters', 'qzxjkvbwpy'.repeat(1e5), 800_000],
  ])('gpt2: a word of a million characters, %s', async (_, text, numTokens) => {
    const tokenizer = await createTokenizer('gpt2', []);
    const ids = Array.from(tokenizer.encode(Buffer.from(text)));
    expect(ids).toHaveLength(numTokens);
    expect(tokenizer.decode(ids)).toBe(text);
  });

  it('gives what a stream holds back when it ends', async () => {
    const decode = streamDecoder(await createTokenizer('byte', []));
    expect([0xe2, 0x82].map((id) => decode(id))).toEqual(['', '']);
    expect(decode()).toBe('\ufffd');
  });

  it('Hugging Face: a file may begin with a byte-order mark, and its eos_token be an object', async () => {
    await writeFile(join(folder, 'tokenizer.json'), `\ufeff${JSON.stringify(wordLevel)}`);
    await writeFile(
      join(folder, 'tokenizer_config.json'),
      '\ufeff{"eos_token": {"content": "world", "special": true}}',
    );
    const tokenizer = await createTokenizer(folder, []);
    await rm(join(folder, 'tokenizer_config.json'));
    expect(tokenizer.endOfText).toBe(3);
  });

  it('Hugging Face: where the native library is missing, the other says what it would read differently', async () => {
    process.env['SCMOE_TOKENIZERS'] = 'javascript';
    try {
      await expect(createTokenizer(folder, [])).rejects.toThrow(
        'Can\'t use tokenizer.json: pre_tokenizer "Whitespace" is not read by the tokenizer in JavaScript as by the ' +
          'reference. Expected the native one (npm install tokenizers@0.23.2), which is missing here: SCMOE_TOKENIZERS=javascript.',
      );
      const { pre_tokenizer: _, ...others } = wordLevel;
      const tokenizer = await huggingFaceTokenizer({ ...others, pre_tokenizer: null });
      expect(Array.from(tokenizer.encode(Buffer.from('hello')))).toEqual([2]);
      process.env['SCMOE_TOKENIZERS'] = 'rust';
      await expect(createTokenizer(folder, [])).rejects.toThrow(/SCMOE_TOKENIZERS: expected .*native.*, got "?rust/);
    } finally {
      delete process.env['SCMOE_TOKENIZERS'];
    }
  });

  it('Hugging Face: reads tokenizer.json, or the folder it is in', async () => {
    for (const path of [folder, join(folder, 'tokenizer.json')]) {
      const tokenizer = await createTokenizer(path, []);
      expect(Array.from(tokenizer.encode(Buffer.from('hello world hello')))).toEqual([2, 3, 2]);
      expect(tokenizer.vocabSize).toBe(4);
      expect(tokenizer.endOfText).toBe(1);
    }
  });

  it.each([
    ['missing.json', /Can't read tokenizer .*missing.json: it does not exist/],
    ['broken.json', /Can't read tokenizer .*broken.json: /],
    ['other.json', /Not a Hugging Face tokenizer: expected a tokenizer.json with the entry "model"/],
  ])('says what is wrong with %s', async (name, message) => {
    await expect(createTokenizer(join(folder, name), [])).rejects.toThrow(message);
  });

  it('tells data apart by its tokens', async () => {
    const byte = await createTokenizer('byte', []);
    const tokens = tokenizeCorpus([document], byte);
    const others = tokenizeCorpus([{ name: 'sample', bytes: Buffer.from('other') }], byte);
    expect(fingerprint(tokens)).toBe(fingerprint(tokenizeCorpus([document], byte)));
    expect(fingerprint(tokens)).not.toBe(fingerprint(others));
    expect(fingerprint(tokens, others)).not.toBe(fingerprint(others, tokens));
  });
});
