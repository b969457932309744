import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@scmoe/testing';
import { useBackend } from '@scmoe/tensor';

import { lmTrain } from './testing/lmTrain.js';
import { tinyPretrained } from './testing/tinyPretrained.js';
import { tinyRun } from './testing/tinyRun.js';

const folder = temporaryFolder();
const { options, text, runs } = tinyRun(folder.path);
const training = ['--data', text, '--run-dir', runs, '--batch-size', '2', '--eval-batches', '2', '--threads', '1'];
const short = [...training, '--sample-tokens', '0', '--steps', '4', '--save-every', '2'];

const runOf = (out: string) => /^run: (\S+?),?(?: |$)/m.exec(out)![1]!;
const checkpoint = (run: string, step: number) => join(run, 'checkpoints', `step-00000${step}`, 'model.safetensors');
const taught = /teacher: validation loss (\S+); student: KL (\S+) nats, the same next token for (\S+) %/;

describe('lm-train distill', () => {
  let teacher: string;
  let student: string;

  beforeAll(async () => {
    await useBackend('auto');
    const { out, err } = await lmTrain('train', ...options, '--kind', 'shared', '--steps', '20', '--lr', '0.02');
    expect(err).toBe('');
    teacher = runOf(out);
  });

  it("gives the teacher's own weights another connectivity, and tells how far they are from it", async () => {
    const { code, out, err } = await lmTrain('distill', '--teacher', teacher, ...short, '--connectivity', 'farskip');
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/teacher: \S+step-000020\nstart: \d+ parameters of the teacher\n/);
    expect(out).toContain('model: shared GPT, 2 blocks of width 16');
    const [, loss, kl, agreement] = taught.exec(out)!.map(Number) as [number, number, number, number];
    expect(loss).toBeGreaterThan(0);
    expect(kl).toBeGreaterThan(0);
    expect(agreement).toBeLessThanOrEqual(100);
    student = runOf(out);
    const lines = readFileSync(join(student, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const records = lines.map((line) => JSON.parse(line) as Record<string, number>);
    expect(Object.keys(Object.assign({}, ...records) as object)).toEqual(
      expect.arrayContaining(['kl', 'agreement', 'crossEntropy', 'validationKl', 'validationAgreement']),
    );
    const stored = JSON.parse(readFileSync(join(student, 'config.json'), 'utf8')) as object;
    expect(stored).toMatchObject({ kind: 'shared', dModel: 16, connectivity: 'farskip' });
  });

  it('goes on bit for bit', async () => {
    const resumed = join(folder.path, 'resumed');
    const name = 'step-000002';
    cpSync(join(student, 'checkpoints', name), join(resumed, 'checkpoints', name), { recursive: true });
    const { code, err } = await lmTrain('distill', '--resume', resumed, '--threads', '1', '--sample-tokens', '0');
    expect([code, err]).toEqual([0, '']);
    expect(readFileSync(checkpoint(resumed, 4)).equals(readFileSync(checkpoint(student, 4)))).toBe(true);
  });

  it('begins where the teacher is, in its own connectivity', async () => {
    const still = ['--lr', '1e-30', '--steps', '1', '--weight-decay', '0'];
    const { out } = await lmTrain('distill', '--teacher', teacher, ...short, ...still);
    expect(taught.exec(out)!.slice(2)).toEqual(['0.0000', '100.0']);
  });

  it('teaches a student of another kind, and says what it has that the teacher has not', async () => {
    const { out, err } = await lmTrain('distill', '--teacher', teacher, ...short, '--kind', 'scmoe');
    expect(err).toBe('');
    expect(out).toMatch(/start: \d+ parameters of the teacher; fresh: normShortcut\.weight, normShortcut\.bias/);
    const fresh = await lmTrain(
      'distill',
      '--teacher',
      teacher,
      ...short,
      '--student-start',
      'fresh',
      '--d-model',
      '8',
    );
    expect([fresh.code, fresh.err]).toEqual([0, '']);
    expect(fresh.out).not.toContain('parameters of the teacher');
  });

  it('learns from a folder of transformers, as its copy or as a fresh model', async () => {
    const base = join(folder.path, 'base');
    await tinyPretrained(base);
    const copy = ['--init', base, '--connectivity', 'farskip', '--lr', '0.001'];
    const { code, out, err } = await lmTrain('distill', '--teacher', base, ...short, ...copy);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(taught);
    const own = ['--d-model', '16', '--num-heads', '2', '--num-layers', '2', '--num-experts', '2', '--kind', 'farskip'];
    const fresh = await lmTrain('distill', '--teacher', base, ...short, ...own, '--sequence-length', '16');
    expect([fresh.code, fresh.err]).toEqual([0, '']);
    expect(fresh.out).toMatch(taught);
    const mixed = await lmTrain('distill', '--teacher', teacher, ...short, '--init', base);
    expect(mixed.err).toMatch(
      /teacher: expected the vocabulary of the student, 260 tokens of its huggingface tokenizer, got 257 of another one \(byte\)/,
    );
    expect(mixed.code).toBe(2);
  });

  it.each<[string[], RegExp]>([
    [[], /teacher: expected --teacher <path>, a run folder, a checkpoint or a folder of transformers/],
    [['--teacher', 'nowhere'], /There is no checkpoint \S*nowhere: it does not exist/],
    [['--kl-weight', '0.5', '--teacher'], /argument missing/],
    [['--kl-weight', '2'], /'--kl-weight <x>' argument '2' is invalid/],
    [['--kl-temperature', '0'], /'--kl-temperature <x>' argument '0' is invalid/],
  ])('says what is wrong with %j', async (wrong, message) => {
    const { code, err } = await lmTrain('distill', ...short, ...wrong);
    expect(err).toMatch(message);
    expect(code).toBeGreaterThan(0);
  });

  it('says what does not go with this teacher', async () => {
    const cases: [string[], RegExp][] = [
      [['--d-model', '8'], /studentStart: \S+: expected the shape .*--student-start fresh/],
      [['--sequence-length', '32', '--student-start', 'fresh'], /teacher: expected one that reads 32 tokens at once/],
      [['--tokenizer', 'character'], /tokenizer: expected none beside a teacher, whose tokenizer the student has/],
      [['--kind', 'scmoe', '--connectivity', 'farskip'], /connectivity: expected regular with kind 'scmoe'/],
    ];
    for (const [wrong, message] of cases) {
      const { code, err } = await lmTrain('distill', '--teacher', teacher, ...short, ...wrong);
      expect(err).toMatch(message);
      expect(code).toBe(2);
    }
    expect((await lmTrain('train', ...short, '--kl-weight', '0.5')).err).toMatch(
      'klWeight: expected --teacher <path> beside it',
    );
  });
});
