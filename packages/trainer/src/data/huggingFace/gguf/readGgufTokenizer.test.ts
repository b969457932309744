import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolderForEach } from '@scmoe/testing';

import { readHuggingFaceTokenizer } from '../readHuggingFaceTokenizer.js';
import { readGgufTokenizerConfig } from './readGgufTokenizer.js';

type Value = string | number | readonly string[];

/** A file of GGUF, version 3, with these keys and no tensors. */
function ggufFile(keys: Readonly<Record<string, Value>>): Buffer {
  const [uint32Kind, textKind, listKind] = [4, 8, 9];
  const uint32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
  const uint64 = (value: number) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
  const text = (value: string) => Buffer.concat([uint64(Buffer.byteLength(value)), Buffer.from(value)]);
  const valueOf = (value: Value): Buffer[] => {
    if (typeof value === 'string') return [uint32(textKind), text(value)];
    if (typeof value === 'number') return [uint32(uint32Kind), uint32(value)];
    return [uint32(listKind), uint32(textKind), uint64(value.length), ...value.map(text)];
  };
  const entries = Object.entries(keys).flatMap(([key, value]) => [text(key), ...valueOf(value)]);
  const head = [Buffer.from('GGUF'), uint32(3), uint64(0), uint64(Object.keys(keys).length)];
  return Buffer.concat([...head, ...entries, Buffer.alloc(64)]);
}

const keys = {
  'general.architecture': 'llama',
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.pre': 'llama-bpe',
  'tokenizer.ggml.tokens': ['a', 'b', 'Ġ', 'ab', 'Ġab', '<end>'],
  'tokenizer.ggml.merges': ['a b', 'Ġ ab'],
  'tokenizer.ggml.eos_token_id': 5,
  'tokenizer.chat_template': '{{ messages }}',
};

describe('the vocabulary of a file of GGUF', () => {
  const folder = temporaryFolderForEach();
  const path = () => join(folder.path, 'model.gguf');

  it('serves where nothing lies beside the file', async () => {
    writeFileSync(path(), ggufFile(keys));
    const tokenizer = await readHuggingFaceTokenizer(path());
    expect(Array.from(tokenizer.encode(Buffer.from('ab ab b')))).toEqual([3, 4, 2, 1]);
    expect(tokenizer.decode([3, 4, 2, 1])).toBe('ab ab b');
    expect([tokenizer.vocabSize, tokenizer.endOfText]).toEqual([6, 5]);
    expect(await readGgufTokenizerConfig(path())).toEqual({ eos_token: '<end>', chat_template: '{{ messages }}' });
  });

  it('is refused by the name of what is not known, with advice', async () => {
    writeFileSync(path(), ggufFile({ ...keys, 'tokenizer.ggml.pre': 'poro-chat' }));
    await expect(readHuggingFaceTokenizer(path())).rejects.toThrow(
      /tokenizer\.ggml\.pre: expected one of gpt-2, .*, got "poro-chat"\. .*--tokenizer <path>/,
    );
    // The template needs no vocabulary.
    expect((await readGgufTokenizerConfig(path()))['chat_template']).toBe('{{ messages }}');
  });

  it('is an error where the file is none of GGUF', async () => {
    writeFileSync(path(), 'nothing of the kind');
    await expect(readHuggingFaceTokenizer(path())).rejects.toThrow(/Can't read the tokenizer in .*model\.gguf: /);
  });
});
