import { findGloo } from '@scmoe/comm';
import { describeUnless, temporaryFolder } from '@scmoe/testing';
import { lockRun, readMetricsFile } from '@scmoe/trainer';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { openModel, openRestarts } from '../index.js';
import { quarters } from '../testing/quarters.js';
import { runQuarters, runQuartersOn } from '../testing/runQuarters.js';

const folder = temporaryFolder();
const runs = join(folder.path, 'runs');
const options = ['--run-dir', runs, '--threads', '1', '--num-experts', '2'];
const optimizers = ['adamw', 'muon'];

/** The folder of the run that an output names. */
const runOf = (out: string) => /^run: (\S+?),?(?: |$)/m.exec(out)![1]!;
const checkpoint = (run: string, step: number) => join(run, 'checkpoints', `step-${String(step).padStart(6, '0')}`);
const files = ['model.safetensors', 'optimizer.safetensors'];
const recordsOf = (run: string) => readMetricsFile(join(run, 'metrics.jsonl'));

describe("a program of a user's own", () => {
  it('trains with nothing but its defaults, and reports in its own units', async () => {
    const { code, out, err } = await runQuarters(...options);
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(out).toMatch(/^data: noise, a quarter of it brighter$/m);
    expect(out).toMatch(/model: a small ViT\n.*FLOP per image, 4 images per step/);
    expect(out).toMatch(/^training loss +\d\.\d{4}, mean of the last 12 steps$/m);
    expect(out).toMatch(/^validation loss +\d\.\d{4}, over 12 images$/m);
    expect(out).toMatch(/^speed +[\d,.]+ images\/s/m);
    const run = runOf(out);
    expect(run).toMatch(/runs\/quarters-/);
    expect(out).toContain(`train --resume ${run} --steps 24`);
    const [record] = recordsOf(run);
    expect(Object.keys(record!).sort()).toEqual(
      ['step', 'loss', 'crossEntropy', 'loadBalance', 'gradientNorm', 'learningRate', 'imagesPerSecond'].sort(),
    );
    expect(Object.keys(recordsOf(run).at(-1)!)).toEqual(
      expect.arrayContaining(['validationLoss', 'validationCrossEntropy']),
    );
  });

  it.each<[string[], RegExp]>([
    [
      ['--batch-size', '1e12'],
      /^quarters: batchSize 1000000000000, parameters \d+: expected training to take at most .*, the memory of this machine, got [\d.]+ .iB$/m,
    ],
    [['--accumulate', '1e12'], /accumulate: expected at most 1048576 micro-batches of an update, got 1000000000000/],
    [['--name', '../escape'], /'--name <name>' argument '..\/escape' is invalid. Expected a name of 1 to 100 letters/],
    [['--threads', '100000'], /threads: expected a whole number from 1 to 1024, got 100000/],
    [['--seed', '-1'], /'--seed <n>' argument '-1' is invalid. Expected a whole number of at least 0/],
  ])('says before it makes anything what of %j can not be', async (args, message) => {
    const { code, err } = await runQuarters(...options, ...args);
    expect([1, 2]).toContain(code);
    expect(err).toMatch(message);
    expect(existsSync(join(runs, '..', 'escape'))).toBe(false);
  });

  it('takes the options of experts and routers as they are', async () => {
    const experts = ['--num-experts', '4', '--kind', 'standard', '--top-k', '2', '--correction-bias'];
    const { code, out } = await runQuarters(...options, ...experts);
    expect(code).toBe(0);
    const { model, checkpoint } = await openModel(quarters, runOf(out), runs);
    expect(model.config.moe).toMatchObject({ kind: 'standard', topK: 2, correctionBias: true });
    expect(checkpoint.dataDescription).toEqual({ numClasses: 4 });
    const [bias] = Object.values(model.buffers);
    expect(bias!.dataSync()).not.toEqual(new Float32Array(4));
    model.dispose();
  });

  it.each(optimizers)('resumes bit for bit with %s', async (optimizer) => {
    const moments = optimizer === 'adamw' ? 'bfloat16' : 'float32';
    const asked = ['--optimizer', optimizer, '--moments', moments];
    const { out } = await runQuarters(...options, ...asked, '--save-every', '5', '--keep', '0');
    const run = runOf(out);
    const resumed = join(folder.path, `resumed-${optimizer}`);
    cpSync(checkpoint(run, 5), checkpoint(resumed, 5), { recursive: true });
    const second = await runQuarters('train', '--resume', resumed, '--threads', '1');
    expect([second.code, second.err]).toEqual([0, '']);
    expect(second.out).toContain('resumed at step 5');
    for (const name of files) {
      const expected = readFileSync(join(checkpoint(run, 12), name));
      expect(readFileSync(join(checkpoint(resumed, 12), name)).equals(expected)).toBe(true);
    }
  });

  it('goes on with the same optimizer, seed and experts only', async () => {
    const run = join(folder.path, 'resumed-muon');
    for (const [flag, value, message] of [
      ['--optimizer', 'adamw', 'optimizer can\'t change when a run is resumed: expected "muon" as in'],
      ['--moments', 'bfloat16', '--moments bfloat16: expected --optimizer adamw, got muon.'],
      ['--seed', '9', "seed can't change"],
      ['--num-experts', '4', "numExperts can't change"],
    ] as const) {
      const { code, err } = await runQuarters('train', '--resume', run, '--steps', '14', flag, value);
      expect(err).toContain(message);
      expect(code).toBe(2);
    }
  });
});

describe('settings of a forged checkpoint', () => {
  let run: string;
  beforeAll(async () => {
    run = runOf((await runQuarters(...options, '--steps', '1')).out);
  });

  it.each([
    ['numExperts', -1],
    ['numExperts', 1e300],
    ['numExperts', 2 ** 52],
    ['topK', 1e12],
    ['batchSize', 2 ** 53 - 1],
    ['numExperts', 'constructor'],
    ['topK', null],
    ['batchSize', undefined],
    ['batchSize', [4]],
    ['optimizer', 'sgd'],
    ['lr', { constructor: 1 }],
    ['seed', true],
    ['steps', 0.5],
  ])('are refused by name: %s %p', async (name, value) => {
    const file = join(checkpoint(run, 1), 'checkpoint.json');
    const text = readFileSync(file, 'utf8');
    const { checksum: _, ...index } = JSON.parse(text) as { config: object; checksum: string };
    const forged = { ...index, config: { ...index.config, [name]: value } };
    const checksum = createHash('sha256').update(JSON.stringify(forged)).digest('hex');
    writeFileSync(file, JSON.stringify({ ...forged, checksum }));
    try {
      const { code, err } = await runQuarters('train', '--resume', run, '--steps', '2', '--threads', '1');
      expect(err).toContain(`step-000001: checkpoint.json: config: ${name}: `);
      expect(code).not.toBe(0);
      await expect(openModel(quarters, run, runs)).rejects.toThrow(`checkpoint.json: config: ${name}: `);
    } finally {
      writeFileSync(file, text);
    }
  });
});

describe('a run', () => {
  let run: string;
  beforeAll(async () => {
    run = runOf((await runQuarters(...options, '--save-every', '4', '--keep', '0')).out);
  });
  const checkpoints = () => readdirSync(join(run, 'checkpoints')).sort();
  const goOn = (from: string, ...args: string[]) => runQuarters('train', '--resume', from, '--threads', '1', ...args);

  it('has one owner: a second one is refused with its name', async () => {
    const lock = await lockRun(run);
    const { code, err } = await goOn(run, '--steps', '14', '--run-dir', runs);
    expect(err).toMatch(new RegExp(`is in use: process ${process.pid} on `));
    expect(code).toBe(1);
    lock.release();
    expect(readdirSync(run)).not.toContain('run.lock');
  });

  it('that has ended is not trained again when it is started again, as after a failure in its report', async () => {
    const marks = await restartOf(run);
    const { code, out } = await asRestart(() => runQuarters(...options));
    expect(out).toContain('This run is complete: 12 steps');
    expect(code).toBe(0);
    expect(readdirSync(runs).filter((name) => name.startsWith('.launch'))).toEqual([]);
    expect(readdirSync(runs)).toHaveLength(marks);
  });

  it('goes on from the newest whole checkpoint when it is started again, and says what it passed over', async () => {
    await restartOf(run);
    truncateSync(join(checkpoint(run, 12), 'model.safetensors'), 10);
    const { code, out } = await asRestart(() => runQuarters(...options));
    expect(out).toMatch(/step-000012 is damaged: model.safetensors has 10 bytes.* Taking the one before it/);
    expect(out).toContain('resumed at step 8');
    expect(code).toBe(0);
    expect(checkpoints()).toContain('step-000012');
  });

  it('that goes on from an earlier step keeps what it saves, and goes on from that', async () => {
    const { out } = await goOn(checkpoint(run, 4), '--steps', '6', '--keep', '2');
    expect(out).toContain('checkpoints after step 4 are in ');
    expect(checkpoints()).toEqual(expect.arrayContaining(['after-step-000004', 'step-000004', 'step-000006']));
    expect(checkpoints()).not.toContain('step-000008');
    expect(readdirSync(join(run, 'checkpoints', 'after-step-000004'))).toContain('step-000008');
    expect((await goOn(run, '--steps', '7')).out).toContain('resumed at step 6');
  });

  /** Leaves what the first start of a launch leaves of this run; the number of runs that there are. */
  async function restartOf(folder: string): Promise<number> {
    await openRestarts(runs, { SCMOE_RUN_ID: 'launch' }).remember(folder);
    return readdirSync(runs).length - 1;
  }

  async function asRestart<T>(action: () => Promise<T>): Promise<T> {
    Object.assign(process.env, { SCMOE_RUN_ID: 'launch', SCMOE_RESTART_COUNT: '1' });
    try {
      return await action();
    } finally {
      delete process.env['SCMOE_RUN_ID'];
      delete process.env['SCMOE_RESTART_COUNT'];
    }
  }
});

describeUnless(findGloo().problem, 'a program on several ranks', () => {
  it.each(optimizers)('trains as on one, with %s', async (optimizer) => {
    const args = [...options, '--num-experts', '4', '--accumulate', '2', '--optimizer', optimizer];
    const alone = await runQuarters(...args);
    const together = await runQuartersOn(2, ...args);
    expect([alone.code, together.code, together.err]).toEqual([0, 0, '']);
    expect(together.out).toMatch(/^ranks: 2 over gloo, experts shared by all$/m);
    expect(together.out).toContain('communication of a step, ms');
    const [expected, got] = [alone, together].map(({ out }) => recordsOf(runOf(out)));
    expect(got!).toHaveLength(expected!.length);
    got!.forEach(({ loss, validationLoss }, i) => {
      // The same float32 numbers summed in another order; Muon's iteration multiplies roundings by up to 3.4 five times.
      const other = expected![i]!;
      const [a, b] = [loss ?? validationLoss, other['loss'] ?? other['validationLoss']] as [number, number];
      expect(Math.abs(a - b)).toBeLessThan(1e-4 * b);
    });
  });

  it('writes down once what all have trained, with all experts', async () => {
    const { out } = await runQuartersOn(2, ...options, '--num-experts', '4', '--optimizer', 'muon');
    const before = readdirSync(runs);
    const { model, checkpoint } = await openModel(quarters, runOf(out), runs);
    expect(model.variables['block0.experts.w1']!.shape[0]).toBe(4);
    expect(checkpoint.optimizerState['momentum.block0.experts.w1']!.shape[0]).toBe(4);
    expect(readdirSync(runs)).toEqual(before);
    expect(out.match(/^validation loss/gm)).toHaveLength(1);
    model.dispose();
  });

  it("ends all ranks after the same step when rank 0's time is up, within a limit of memory", async () => {
    const limits = ['--minutes', '0.02', '--memory-limit', '4GiB'];
    const { code, out, err } = await runQuartersOn(2, ...options, ...limits);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^memory: --recompute off, [\d.]+ MiB of at most 4 GiB are predicted: /m);
    const { checkpoint } = await openModel(quarters, runOf(out), runs);
    expect(checkpoint.index.config['elapsedSeconds']).toBeGreaterThanOrEqual(1.2);
    expect(recordsOf(runOf(out)).at(-1)!.step).toBe(checkpoint.index.step);
  });
});
