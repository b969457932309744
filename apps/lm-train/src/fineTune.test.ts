import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { useBackend, readSafetensors } from '@scmoe/tensor';
import { referenceGguf, temporaryFolder } from '@scmoe/testing';

import { lmTrain } from './testing/lmTrain.js';
import { tinyPretrained, tinyWords } from './testing/tinyPretrained.js';
import { tinyRun } from './testing/tinyRun.js';

const folder = temporaryFolder();
const { text, runs } = tinyRun(folder.path);
const base = join(folder.path, 'base');
const options = [
  ...['--init', base, '--data', text, '--run-dir', runs, '--batch-size', '2', '--threads', '1', '--lr', '0.02'],
  ...['--eval-batches', '2', '--sample-tokens', '4', '--steps', '4', '--save-every', '2'],
];

const runOf = (out: string) => /^run: (\S+?),?(?: |$)/m.exec(out)![1]!;
const checkpoint = (run: string, step: number) => join(run, 'checkpoints', `step-00000${step}`, 'model.safetensors');
const lossOf = (out: string) => Number(/loss (\d+\.\d+)/.exec(out)![1]);
const valuesIn = async (path: string) => (await readSafetensors(path)).tensors;

describe('fine-tuning a folder of transformers', () => {
  let run: string;

  beforeAll(async () => {
    await useBackend('auto');
    await tinyPretrained(base);
  });

  it('trains adapters, and leaves everything else as it was', async () => {
    const lora = ['--lora-rank', '2', '--lora-alpha', '4', '--lora-dropout', '0.1'];
    const { code, out, err } = await lmTrain('train', ...options, ...lora);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/huggingface tokenizer, vocabulary 257/);
    expect(out).toMatch(/start: \S+base; trained: adapters of 14 matrices, [\d,]+ parameters/);
    run = runOf(out);
    const [first, last] = await Promise.all([2, 4].map((step) => valuesIn(checkpoint(run, step))));
    const moved = Object.keys(last!).filter(
      (name) =>
        !Buffer.from(first![name]!.data.buffer as ArrayBuffer).equals(
          Buffer.from(last![name]!.data.buffer as ArrayBuffer),
        ),
    );
    expect(moved).toEqual(Object.keys(last!).filter((name) => /\.lora[AB]$/.test(name)));
    const theirs = await valuesIn(join(base, 'model.safetensors'));
    expect(Array.from(last!['embedding']!.data as Float32Array)).toEqual(
      Array.from(theirs['model.embed_tokens.weight']!.data as Float32Array),
    );
  });

  it('goes on bit for bit', async () => {
    const resumed = join(folder.path, 'resumed');
    const name = 'step-000002';
    cpSync(join(run, 'checkpoints', name), join(resumed, 'checkpoints', name), { recursive: true });
    const { code } = await lmTrain('train', '--resume', resumed, '--threads', '1');
    expect(code).toBe(0);
    expect(readFileSync(checkpoint(resumed, 4)).equals(readFileSync(checkpoint(run, 4)))).toBe(true);
  });

  it('gives adapters for PEFT, which go on and are measured as the run itself', async () => {
    const adapter = join(folder.path, 'adapter');
    expect((await lmTrain('export', run, '--to', adapter, '--adapter', 'perExpert')).code).toBe(0);
    const json = JSON.parse(readFileSync(join(adapter, 'adapter_config.json'), 'utf8')) as object;
    expect(json).toMatchObject({ base_model_name_or_path: base, r: 2, lora_alpha: 4, lora_dropout: 0.1 });
    const measured = await lmTrain('eval', run, '--data', text);
    const { out } = await lmTrain('train', ...options, '--adapter', adapter, '--steps', '1', '--lr', '1e-30');
    const again = await lmTrain('eval', runOf(out), '--data', text);
    expect(lossOf(again.out)).toBeCloseTo(lossOf(measured.out), 3);
    const texts = [[run], [base, '--adapter', adapter]].map((of) =>
      lmTrain('generate', ...of, '--prompt', 'the quick', '--max-tokens', '5', '--temperature', '0'),
    );
    const [ofRun, ofFolder] = await Promise.all(texts);
    expect(ofFolder!.out).toBe(ofRun!.out);
  });

  it('trains all but the routers, and writes a folder that is measured as the run', async () => {
    const { out, err } = await lmTrain('train', ...options, '--freeze-routers', '--load-balance', '0');
    expect(err).toBe('');
    const full = runOf(out);
    const [first, last] = await Promise.all([2, 4].map((step) => valuesIn(checkpoint(full, step))));
    const same = Object.keys(last!).filter((name) => first![name]!.data.join() === last![name]!.data.join());
    expect(same).toEqual(['block0.router.weight', 'block1.router.weight']);
    const exported = join(folder.path, 'exported');
    expect((await lmTrain('export', full, '--to', exported)).code).toBe(0);
    const [measured, again] = await Promise.all([full, exported].map((of) => lmTrain('eval', of, '--data', text)));
    expect(again!.err).toBe('');
    expect(lossOf(again!.out)).toBeCloseTo(lossOf(measured!.out), 3);
  });

  it.each([
    [['--d-model', '32'], 'dModel: expected none beside --init, whose model decides it'],
    [['--sequence-length', '64'], /sequenceLength: expected at most 32 as in \S+, got 64/],
    [['--lora-alpha', '4'], 'loraAlpha: expected --lora-rank <n> beside it'],
    [['--lora-rank', '2', '--freeze-routers'], 'freezeRouters: expected none beside adapters'],
    [['--lora-rank', '2', '--lora-targets', 'shared'], "lora.targets: expected parts that the model has, got 'shared'"],
    [['--lora-rank', '2', '--lora-targets', 'all'], 'Expected some of attention, experts, shared, dense, router'],
    [['--adapter', 'nowhere'], /nowhere: there is no adapter_config\.json/],
    [['--tokenizer', 'gpt2'], 'tokenizer: expected one with at most the 260 tokens of the model, got 50257'],
  ])('says what is wrong with %j', async (wrong, message) => {
    const { code, err } = await lmTrain('train', ...options, ...wrong);
    expect(err).toMatch(message);
    expect(code).toBeGreaterThan(0);
  });

  it('takes a file of GGUF, with the tokenizer beside it or one that is named', async () => {
    const file = join(folder.path, 'gguf', 'model.gguf');
    cpSync(referenceGguf('types'), file);
    const alone = await lmTrain('generate', file, '--prompt', 'a');
    expect(alone.err).toMatch(
      /model\.gguf: tokenizer\.ggml\.merges: expected a list with an entry for each, got null\. .*--tokenizer <path>/,
    );
    expect(alone.code).toBe(2);
    const words = join(folder.path, 'words', 'tokenizer.json');
    tinyWords(words);
    const how = ['--prompt', 'a b', '--max-tokens', '3', '--temperature', '0'];
    const named = await lmTrain('generate', file, '--tokenizer', words, ...how);
    expect([named.code, named.out.slice(0, 3)]).toEqual([0, 'a b']);
    cpSync(words, join(folder.path, 'gguf', 'tokenizer.json'));
    expect((await lmTrain('generate', file, ...how)).out).toBe(named.out);
    const measured = await lmTrain('eval', file, '--data', text, '--eval-batches', '1');
    expect(lossOf(measured.out)).toBeGreaterThan(0);
    const tuned = await lmTrain(
      'train',
      ...options,
      '--init',
      file,
      '--steps',
      '1',
      '--lora-rank',
      '2',
      '--sequence-length',
      '16',
    );
    expect([tuned.code, tuned.err]).toEqual([0, '']);
    expect(tuned.out).toMatch(/start: \S+model\.gguf; trained: adapters of 14 matrices/);
    const other = await lmTrain('eval', runOf(tuned.out), '--data', text, '--tokenizer', words);
    expect(other.err).toMatch('expected no --tokenizer, for a run has its own');
  });

  it('answers what a user says, in the chat template of the folder or one that is named', async () => {
    const how = ['--max-tokens', '4', '--temperature', '0'];
    const bare = await lmTrain('generate', base, '--chat', '--prompt', 'hi', ...how);
    expect(bare.err).toMatch(/base: expected a chat template, .* or named by --chat-template <file>/);
    expect(bare.code).toBe(2);
    const file = join(folder.path, 'template.jinja');
    writeFileSync(file, '{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}');
    const chat = await lmTrain('generate', base, '--chat', '--prompt', 'hi', '--chat-template', file, ...how);
    // What the user says is shown, and not what stands around it.
    const whole = await lmTrain('generate', base, '--prompt', '<user>hi', '--stop-at-end', ...how);
    expect([chat.code, `<user>${chat.out}`]).toEqual([0, whole.out]);
    const alone = await lmTrain('generate', base, '--chat-template', file);
    expect(alone.err).toMatch('chatTemplate: expected --chat beside it');
  });

  it('needs a folder for adapters', async () => {
    expect((await lmTrain('train', '--lora-rank', '2')).err).toMatch('loraRank: expected --init <folder> beside it');
    expect((await lmTrain('train', '--init', folder.path)).err).toMatch(/there is no config\.json/);
  });
});
