import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describeOrSkip, temporaryFolder, useTestTensorFlow } from '@scmoe/testing';
import { readMetricsFile } from '@scmoe/trainer';

import { colourFolders, tinyRun } from './testing/tinyRun.js';
import { vitTrain } from './testing/vitTrain.js';

useTestTensorFlow();
const problem = process.env['SCMOE_TENSORFLOW'] === undefined ? 'no TensorFlow was fetched' : undefined;

describeOrSkip(problem, 'vit-train with compiled steps', () => {
  const folder = temporaryFolder();
  const data = join(folder.path, 'colours');
  const steps = ['--steps', '2', '--save-every', '1', '--eval-every', '1', '--eval-batches', '1', '--accumulate', '2'];
  const recipe = ['--mixup', '0.2', '--cutmix', '1', '--erase', '0.25', '--stochastic-depth', '0.3'];
  const kind = ['--average-decay', '0.5', '--kind', 'shared', '--score-function', 'sigmoid', '--correction-bias'];
  const train = (...args: string[]) =>
    vitTrain('train', ...tinyRun(folder.path), '--data', data, ...steps, ...recipe, ...kind, ...args);
  const runOf = (out: string) => /^run: (\S+?),?(?: |$)/m.exec(out)![1]!;
  const metricsOf = (run: string) => readMetricsFile(join(run, 'metrics.jsonl'));
  const saved = (run: string, step: number, file: string) =>
    readFileSync(join(run, 'checkpoints', `step-${String(step).padStart(6, '0')}`, file));
  const names = ['loss', 'validationLoss', 'validationTop1', 'gradientNorm', 'loadBalance'] as const;
  let run: string;
  let expected: ReturnType<typeof metricsOf>;
  const expectLosses = (got: typeof expected) => {
    for (const [i, record] of got.entries())
      for (const name of names)
        expect([i, name, record[name] ?? 0]).toEqual([i, name, expect.closeTo(Number(expected[i]![name] ?? 0), 4)]);
  };

  // One call of TensorFlow each, without XLA: its compilation of so small a model takes longer than all of its steps.
  beforeAll(async () => {
    process.env['SCMOE_XLA'] = '0';
    await colourFolders(data);
    expected = metricsOf(runOf((await train('--backend', 'scmoe')).out));
  });
  afterAll(() => delete process.env['SCMOE_XLA']);

  it('has the losses of the native backend, in training and in evaluation', async () => {
    const { code, out, err } = await train('--backend', 'tensorflow');
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('steps: compiled');
    run = runOf(out);
    expect(metricsOf(run)).toHaveLength(expected.length);
    expectLosses(metricsOf(run));
  });

  it('resumes bit for bit, on the backend of the run', async () => {
    const resumed = join(folder.path, 'resumed');
    cpSync(join(run, 'checkpoints', 'step-000001'), join(resumed, 'checkpoints', 'step-000001'), { recursive: true });
    const { code, out } = await vitTrain('train', '--resume', resumed, '--threads', '1');
    expect(code).toBe(0);
    expect(out).toMatch(/backend tensorflow[^]*steps: compiled/);
    for (const file of ['model.safetensors', 'optimizer.safetensors'])
      expect(saved(resumed, 2, file).equals(saved(run, 2, file))).toBe(true);
  });

  it('has them operation by operation with --no-compile', async () => {
    const { code, out } = await train('--backend', 'tensorflow', '--no-compile', '--steps', '1');
    expect(code).toBe(0);
    expect(out).toMatch(/steps: operation by operation\n/);
    const got = metricsOf(runOf(out));
    expect(got[0]!.loss).toBeGreaterThan(0);
    expectLosses(got);
  });
});
