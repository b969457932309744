import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Gpt, savePretrained } from '@scmoe/models';
import { useBackend } from '@scmoe/tensor';
import { temporaryFolderForEach } from '@scmoe/testing';

import { openServedModel } from './openServedModel.js';

const folder = temporaryFolderForEach();
beforeAll(async () => {
  await useBackend('auto', { threads: 1 });
});

const words = ['a', 'b', 'c', '</s>'];
const tokenizerJson = {
  version: '1.0',
  added_tokens: [
    { id: 3, content: '</s>', special: true, normalized: false, single_word: false, lstrip: false, rstrip: false },
  ],
  normalizer: null,
  pre_tokenizer: { type: 'Whitespace' },
  post_processor: null,
  decoder: null,
  model: { type: 'WordLevel', vocab: Object.fromEntries(words.map((word, id) => [word, id])), unk_token: 'a' },
};

/** A folder as transformers has it. */
async function publicFolder(config: object = {}): Promise<string> {
  const path = join(folder.path, 'public');
  const model = new Gpt(
    { vocabSize: 4, numLayers: 2, dModel: 8, numHeads: 2, sequenceLength: 16, moe: { kind: 'dense' } },
    { seed: 1 },
  );
  await savePretrained(model, path, { modelType: 'gpt2' });
  model.dispose();
  writeFileSync(join(path, 'tokenizer.json'), JSON.stringify(tokenizerJson));
  writeFileSync(join(path, 'tokenizer_config.json'), JSON.stringify({ eos_token: { content: '</s>' }, ...config }));
  return path;
}

describe('openServedModel', () => {
  it('opens a folder of transformers, named as the folder, with its tokenizer and end tokens', async () => {
    const served = await openServedModel(await publicFolder());
    expect(served).toMatchObject({ name: 'public', endTokens: [3], addSpecialTokens: true });
    expect(served.chatTemplate).toBeUndefined();
    expect(Array.from(served.tokenizer.encode(Buffer.from('b c')))).toEqual([1, 2]);
    served.model.dispose();
  });

  it('takes the template that is named, else that of a file, else that of the tokenizer', async () => {
    const path = await publicFolder({
      chat_template: [
        { name: 'tool_use', template: 'b' },
        { name: 'default', template: 'a {{ eos_token }}' },
      ],
    });
    const encode = async (chatTemplateFile?: string) => {
      const served = await openServedModel(path, { name: 'x', ...(chatTemplateFile && { chatTemplateFile }) });
      served.model.dispose();
      return served.chatTemplate!.encode([{ role: 'user', content: 'c' }]);
    };
    expect(await encode()).toEqual([0, 3]);
    writeFileSync(join(path, 'chat_template.jinja'), '{{ messages[0].content }}');
    expect(await encode()).toEqual([2]);
    writeFileSync(join(folder.path, 'other'), 'b b');
    expect(await encode(join(folder.path, 'other'))).toEqual([1, 1]);
    await expect(encode(join(folder.path, 'missing'))).rejects.toThrow(/Can't read the chat template: .*missing/);
  });

  it('says what a folder lacks', async () => {
    await expect(openServedModel(join(folder.path, 'nowhere'))).rejects.toThrow(/There is no checkpoint .*nowhere/);
    mkdirSync(join(folder.path, 'empty'));
    await expect(openServedModel(join(folder.path, 'empty'))).rejects.toThrow(/holds no checkpoint/);
  });
});
