import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describeOrSkip, temporaryFolder, useTestTensorFlow } from '@scmoe/testing';
import { readMetricsFile } from '@scmoe/trainer';

import { lmTrain } from './testing/lmTrain.js';
import { tinyRun } from './testing/tinyRun.js';

useTestTensorFlow();
const problem = process.env['SCMOE_TENSORFLOW'] === undefined ? 'no TensorFlow was fetched' : undefined;

describeOrSkip(problem, 'lm-train with compiled steps', () => {
  const folder = temporaryFolder();
  const { options } = tinyRun(folder.path);
  const steps = [
    '--steps',
    '6',
    '--save-every',
    '3',
    '--eval-every',
    '3',
    '--accumulate',
    '2',
    '--average-decay',
    '0.5',
  ];
  const model = ['--dropout', '0.1', '--optimizer', 'muon', '--correction-bias', '--bias-update-rate', '0.01'];
  const train = (...args: string[]) => lmTrain('train', ...options, ...args, '--sample-tokens', '1');
  const runOf = (out: string) => /^run: (\S+?),?(?: |$)/m.exec(out)![1]!;
  const metricsOf = (run: string) => readMetricsFile(join(run, 'metrics.jsonl'));
  const saved = (run: string, step: number, file: string) =>
    readFileSync(join(run, 'checkpoints', `step-${String(step).padStart(6, '0')}`, file));
  let run: string;

  // One call of TensorFlow each, without XLA: its compilation of so small a model takes longer than all of its steps.
  beforeAll(() => (process.env['SCMOE_XLA'] = '0'));
  afterAll(() => delete process.env['SCMOE_XLA']);

  it('has the losses of the native backend, in training and in evaluation', async () => {
    const expected = await train(...steps, ...model, '--backend', 'scmoe');
    const { code, out, err } = await train(...steps, ...model, '--backend', 'tensorflow');
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('steps: compiled');
    run = runOf(out);
    const [theirs, ours] = [metricsOf(runOf(expected.out)), metricsOf(run)];
    expect(ours.map(({ step }) => step)).toEqual(theirs.map(({ step }) => step));
    for (const [i, record] of ours.entries()) {
      for (const name of ['loss', 'validationLoss', 'gradientNorm', 'loadBalance'] as const)
        expect([i, name, record[name] ?? 0]).toEqual([i, name, expect.closeTo(Number(theirs[i]![name] ?? 0), 4)]);
    }
  });

  it('resumes bit for bit, on the backend of the run', async () => {
    const resumed = join(folder.path, 'resumed');
    cpSync(join(run, 'checkpoints', 'step-000003'), join(resumed, 'checkpoints', 'step-000003'), { recursive: true });
    const { code, out } = await lmTrain('train', '--resume', resumed, '--threads', '1', '--sample-tokens', '1');
    expect(code).toBe(0);
    expect(out).toMatch(/backend tensorflow[^]*steps: compiled/);
    for (const file of ['model.safetensors', 'optimizer.safetensors'])
      expect(saved(resumed, 6, file).equals(saved(run, 6, file))).toBe(true);
  });

  it.each([
    [/steps: operation by operation\n/, ['--no-compile']],
    [/steps: operation by operation, for --losses-over step/, ['--losses-over', 'step', '--accumulate', '2']],
  ])('says where steps are not compiled: %s', async (line, args) => {
    const { code, out } = await train(...args, '--steps', '1', '--backend', 'tensorflow');
    expect(code).toBe(0);
    expect(out).toMatch(line);
  });
});
