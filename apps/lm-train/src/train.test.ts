import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

import { readMetricsFile } from '@scmoe/trainer';

import { temporaryFolder } from '@scmoe/testing';
import { lmTrain } from './testing/lmTrain.js';
import { tinyRun } from './testing/tinyRun.js';

const folder = temporaryFolder();
const { text, options } = tinyRun(folder.path);

/** The folder of the run that an output names. */
const runOf = (out: string) => /^run: (\S+?),?(?: |$)/m.exec(out)![1]!;
const model = (run: string, step: number) => {
  return readFileSync(join(run, 'checkpoints', `step-${String(step).padStart(6, '0')}`, 'model.safetensors'));
};
const optimizer = (run: string, step: number) => {
  return readFileSync(join(run, 'checkpoints', `step-${String(step).padStart(6, '0')}`, 'optimizer.safetensors'));
};

describe('lm-train', () => {
  let run: string;

  it('trains, and reports what it did', async () => {
    const { code, out, err } = await lmTrain('train', ...options, '--steps', '20', '--save-every', '10');
    expect(err).toBe('');
    expect(code).toBe(0);
    run = runOf(out);
    expect(out).toMatch(/^backend \w+ \(/);
    expect(out).toMatch(/data: .*text.txt: 1 file, 2.7 kB; 2,431 tokens to train on, 271 to validate \(byte tokenizer/);
    expect(out).toMatch(/parameters, .* active per token, .*FLOP per token, 32 tokens per step/);
    expect(out).toMatch(/training loss +\d\.\d{4} \(\d\.\d{3} bits per byte\), mean of the last 20 steps/);
    expect(out).toMatch(/validation loss +\d\.\d{4} \(\d\.\d{3} bits per byte\), over \d+ tokens/);
    expect(out).toMatch(/speed +[\d,]+ tokens\/s/);
    expect(out).toMatch(/layer +e0 +e1 +max\/mean +dropped\n +0 +[\d.]+ +[\d.]+/);
    expect(out).toContain(`train --resume ${run}`);
    expect(out).toContain(`generate ${run}`);
  });

  it('fills the run folder', () => {
    expect(readdirSync(run).sort()).toEqual(['checkpoints', 'config.json', 'metrics.jsonl', 'samples', 'tensorboard']);
    expect(readdirSync(join(run, 'checkpoints'))).toEqual(['step-000010', 'step-000020']);
    expect(readdirSync(join(run, 'samples'))).toEqual(['step-000020.txt']);
    expect(JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'))).toMatchObject({ steps: 20, numExperts: 2 });
    const steps = readMetricsFile(join(run, 'metrics.jsonl')).filter(({ loss }) => loss !== undefined);
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  it('resumes bit for bit', async () => {
    // The same run, set back to its first checkpoint.
    const resumed = join(folder.path, 'resumed');
    cpSync(join(run, 'checkpoints', 'step-000010'), join(resumed, 'checkpoints', 'step-000010'), { recursive: true });
    const { code, out } = await lmTrain('train', '--resume', resumed, '--threads', '1');
    expect(code).toBe(0);
    expect(out).toContain('resumed at step 10');
    expect(model(resumed, 20).equals(model(run, 20))).toBe(true);
    expect(optimizer(resumed, 20).equals(optimizer(run, 20))).toBe(true);
  });

  it('has nothing to resume in a complete run, unless it is made longer', async () => {
    const { code, err } = await lmTrain('train', '--resume', run);
    expect(err).toMatch(/This run is complete: 20 of 20 steps. --steps <n> makes it longer/);
    expect(code).toBe(1);
    const longer = await lmTrain('train', '--resume', run, '--steps', '22', '--save-every', '0');
    expect(longer.code).toBe(0);
    expect(longer.out).toMatch(/step 22\/22/);
  });

  it('does not become another run', async () => {
    const { code, err } = await lmTrain('train', '--resume', run, '--steps', '30', '--num-experts', '4');
    expect(err).toMatch(/numExperts can't change when a run is resumed: expected 2 as in .*, got 4/);
    expect(code).toBe(2);
  });

  it('notices that the data changed', async () => {
    const other = join(folder.path, 'other.txt');
    writeFileSync(other, readFileSync(text, 'utf8').replaceAll('fox', 'cat'));
    const args = ['train', '--resume', run, '--steps', '24', '--data', other];
    const { code, err } = await lmTrain(...args);
    expect(err).toMatch(/The data changed since .* was saved: expected fingerprint \w{16}, got \w{16}/);
    expect(code).toBe(1);
    expect((await lmTrain(...args, '--allow-new-data')).code).toBe(0);
  });

  it('knows its data by an absolute path: it goes on from another folder', async () => {
    const { out } = await lmTrain('train', ...options, '--data', relative(process.cwd(), text), '--steps', '1');
    const made = runOf(out);
    expect(JSON.parse(readFileSync(join(made, 'config.json'), 'utf8'))).toMatchObject({ data: text });
  });

  it('evaluates: the same numbers every time', async () => {
    const first = await lmTrain('eval', run, '--threads', '1');
    expect(first.code).toBe(0);
    expect(first.out).toMatch(/loss \d\.\d{4} {2}perplexity \d+\.\d{3} {2}bits per byte \d\.\d{4} {2}tokens 270/);
    expect((await lmTrain('eval', run, '--threads', '1')).out).toBe(first.out);
    const named = await lmTrain('eval', run, '--data', text);
    expect(named.out).toMatch(/tokens 2,700/);
  });

  it('generates: only text on the standard output, the same for the same seed', async () => {
    const args = ['generate', run, '--prompt', 'the ', '--max-tokens', '20', '--threads', '1'];
    const first = await lmTrain(...args);
    expect(first.code).toBe(0);
    expect(first.out).toMatch(/^the /);
    expect(first.err).toMatch(/20 tokens, [\d,]+ tokens\/s/);
    expect((await lmTrain(...args)).out).toBe(first.out);
    const cold = await lmTrain(...args, '--temperature', '0', '--top-k', '5', '--top-p', '0.9');
    expect(cold.code).toBe(0);

    const rest = first.out.slice('the '.length);
    const stop = rest.slice(5, 8);
    const stopped = await lmTrain(...args, '--stop', stop, '--stop', 'never comes', '--stop-at-end');
    expect(stopped.out).toBe(`the ${rest.slice(0, rest.indexOf(stop))}\n`);
    const wrong = await lmTrain(...args, '--presence-penalty', '3');
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('at least -2 and at most 2') as string });
  });

  it('writes and measures with its experts on a disk what it does with all in memory', async () => {
    const packed = join(folder.path, 'packed');
    await (await import('@scmoe/experts')).packExperts({ checkpoint: run, out: packed });
    const store = ['--expert-store', packed, '--expert-cache-mib', '1', '--threads', '1'];
    const generate = ['generate', run, '--prompt', 'the ', '--max-tokens', '20'];
    const text = await lmTrain(...generate, ...store);
    expect(text.out).toBe((await lmTrain(...generate, '--threads', '1')).out);
    expect(text.err).toMatch(/experts: \d+ uses, \d+ of them in a cache of [\d.]+ KiB; \d+ read ahead, 0 on demand/);
    const measured = await lmTrain('eval', run, ...store);
    const loss = (out: string) => /loss .*/.exec(out)![0];
    expect(loss(measured.out)).toBe(loss((await lmTrain('eval', run, '--threads', '1')).out));
    const nowhere = await lmTrain('eval', run, '--expert-store', join(folder.path, 'nowhere'));
    expect(nowhere).toMatchObject({ code: 1, err: expect.stringContaining('experts.json') as string });
  });

  it('refuses a damaged checkpoint, and takes the one before it when told to', async () => {
    const copy = join(folder.path, 'damaged');
    cpSync(join(folder.path, 'resumed', 'checkpoints'), join(copy, 'checkpoints'), { recursive: true });
    const file = join(copy, 'checkpoints', 'step-000020', 'model.safetensors');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(file, bytes);
    const { code, err } = await lmTrain('train', '--resume', copy, '--steps', '21');
    expect(err).toMatch(
      /step-000020 is damaged: model.safetensors has SHA-256 .* The checkpoint before it is .*step-000010/,
    );
    expect(code).toBe(1);
    const { code: second, out } = await lmTrain('train', '--resume', copy, '--steps', '21', '--fallback');
    expect(out).toMatch(/Taking the one before it/);
    expect(out).toMatch(/resumed at step 10/);
    expect(second).toBe(0);
  });

  it('refuses a checkpoint of another program', async () => {
    const foreign = join(folder.path, 'foreign');
    cpSync(join(folder.path, 'resumed', 'checkpoints', 'step-000020'), foreign, { recursive: true });
    writeFileSync(join(foreign, 'checkpoint.json'), '{"iteration": 5}');
    const { code, err } = await lmTrain('generate', foreign);
    expect(err).toMatch(/checkpoint.json is of another program: expected "format": "scmoe-checkpoint"/);
    expect(code).toBe(1);
  });

  it('stops at a loss that is no number, names the step and keeps the last good checkpoint', async () => {
    const args = ['--lr', '1e30', '--warmup', '0', '--clip', '0', '--save-every', '1', '--steps', '50'];
    const { code, out, err } = await lmTrain('train', ...options, ...args);
    expect(err).toMatch(/Training diverged at step \d+: the (loss|gradient norm) is (NaN|-?Infinity)/);
    const last = /The last good checkpoint: (\S+)/.exec(err)![1]!;
    expect(readdirSync(join(runOf(out), 'checkpoints')).length).toBeGreaterThan(0);
    expect((await lmTrain('eval', last)).code).toBe(0);
    expect(code).toBe(1);
  });

  it('has as many steps as there is time for where only the time is given, and goes on with more of it', async () => {
    const withoutSteps = options.filter((_, i) => options[i - (i % 2)] !== '--steps');
    const { code, out } = await lmTrain('train', ...withoutSteps, '--minutes', '0.01');
    expect(out).toMatch(/^step [\d,]+ {2}loss .* tokens\/s {2}\d+ s of 1 s$/m);
    expect(code).toBe(0);
    const [, run] = /^go on: +.* train --resume (\S+) --minutes 0\.02$/m.exec(out)!;
    const again = await lmTrain('train', '--resume', run!);
    expect(again.err).toMatch(/This run is complete: \d+ s of 1 s\. --minutes <x> makes it longer\./);
    const [, saved] = /^saved: +(\S+)$/m.exec(out)!;
    const { config } = JSON.parse(readFileSync(join(saved!, 'checkpoint.json'), 'utf8')) as {
      config: { elapsedSeconds: number };
    };
    const longer = await lmTrain('train', '--resume', run!, '--minutes', String((config.elapsedSeconds + 0.1) / 60));
    expect(longer.err).toBe('');
    expect(longer.out).toMatch(/resumed at step \d+$/m);
  });

  it('stops when the time is up, and can go on', async () => {
    const { code, out } = await lmTrain('train', ...options, '--steps', '1000000', '--minutes', '0.01');
    expect(out).toMatch(/The time is up after step \d+ of 1000000; saved: /);
    expect(code).toBe(0);
  });

  it.each(['character', 'gpt2'])('trains with the %s tokenizer', async (tokenizer) => {
    const { code, err } = await lmTrain('train', ...options, '--tokenizer', tokenizer);
    expect(err).toBe('');
    expect(code).toBe(0);
  });

  it.each(['dense', 'top1', 'top2', 'shared'])('trains a %s model', async (kind) => {
    const { code, err } = await lmTrain('train', ...options, '--kind', kind);
    expect(err).toBe('');
    expect(code).toBe(0);
  });
});
