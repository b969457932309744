import { findGloo } from '@scmoe/comm';
import { readChromeTrace } from '@scmoe/scheduler';
import { readSafetensors, useBackend } from '@scmoe/tensor';
import { readMetricsFile } from '@scmoe/trainer';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describeUnless, type Outcome, temporaryFolder } from '@scmoe/testing';
import { lmTrain, startRanks, startRanksWithASignal } from './testing/lmTrain.js';
import { tinyPretrained } from './testing/tinyPretrained.js';
import { tinyRun } from './testing/tinyRun.js';

const folder = temporaryFolder();
// Measured times are kept from run to run: here from none to none.
process.env['XDG_CACHE_HOME'] = join(folder.path, 'cache');
const { options, text, runs } = tinyRun(folder.path);
const steps = 20;
const four = [...options, '--num-experts', '4', '--accumulate', '4', '--steps', String(steps), '--sample-tokens', '0'];

/** The folder of the run that an output names. */
const runOf = (out: string) => /^run: (\S+?),?(?: |$)/m.exec(out)![1]!;
const lossesOf = (run: string) =>
  readMetricsFile(join(run, 'metrics.jsonl'))
    .filter(({ loss }) => loss !== undefined)
    .map(({ loss, gradientNorm }) => [loss as number, gradientNorm as number] as const);
const checkpoint = (run: string, step: number) => join(run, 'checkpoints', `step-${String(step).padStart(6, '0')}`);
const fileOf = (run: string, step: number, name: string) => readFileSync(join(checkpoint(run, step), name));

async function trainOn(ranks: number, ...args: string[]): Promise<{ run: string; outcome: Outcome }> {
  const outcome = ranks === 1 ? await lmTrain('train', ...args) : await startRanks(ranks, 'train', ...args).done;
  expect(outcome.err).toBe('');
  expect(outcome.code).toBe(0);
  return { run: runOf(outcome.out), outcome };
}

/** Largest difference between two checkpoints' parameters, in units of each tensor's largest magnitude. */
async function parameterError(run: string, expected: string, step = steps): Promise<number> {
  const [a, b] = await Promise.all(
    [run, expected].map((path) => readSafetensors(join(checkpoint(path, step), 'model.safetensors'))),
  );
  expect(Object.keys(a!.tensors).sort()).toEqual(Object.keys(b!.tensors).sort());
  let worst = 0;
  for (const [name, { data, shape }] of Object.entries(b!.tensors)) {
    expect(a!.tensors[name]!.shape).toEqual(shape);
    const largest = (data as Float32Array).reduce((most, x) => Math.max(most, Math.abs(x)), 1e-3);
    const other = a!.tensors[name]!.data as Float32Array;
    (data as Float32Array).forEach((x, i) => (worst = Math.max(worst, Math.abs(x - other[i]!) / largest)));
  }
  return worst;
}

describeUnless(findGloo().problem, 'lm-train on several ranks', () => {
  const variants = {
    dropless: [],
    capacity: ['--capacity-factor', '1', '--kind', 'top2', '--optimizer', 'muon'],
    // Its bias moves by the load of all ranks together.
    bias: [
      '--moments',
      'bfloat16',
      '--correction-bias',
      '--score-function',
      'sigmoid',
      '--placement',
      'every',
      '--num-zero-experts',
      '1',
    ],
    // Its bias moves by the quantiles of all micro-batches of all ranks.
    quantiles: ['--correction-bias', '--bias-update-rule', 'quantile', '--load-balance', '0', '--kind', 'top2'],
  };
  const alone: Record<string, string> = {};
  beforeAll(async () => {
    for (const [name, args] of Object.entries(variants)) alone[name] = (await trainOn(1, ...four, ...args)).run;
  });

  const cases: [keyof typeof variants, number, string[]][] = [
    ['dropless', 2, []],
    ['dropless', 4, []],
    ['dropless', 4, ['--expert-parallel', '2']],
    [
      'dropless',
      4,
      [
        ...['--tensor-parallel', '2', '--expert-shards', '2', '--tensor-schedule', 'auto', '--memory-limit', '4GiB'],
        ...['--backward-chunks', '2'],
      ],
    ],
    ['capacity', 4, ['--tensor-parallel', '2', '--expert-shards', '2', '--tensor-schedule', 's2-fused']],
    ['bias', 2, []],
    ['quantiles', 2, []],
  ];
  it.each(cases)('trains as on one rank: %s on %i ranks %p', async (name, ranks, args) => {
    const { run, outcome } = await trainOn(ranks, ...four, ...variants[name], ...args);
    expect(outcome.out).toMatch(new RegExp(`^ranks: ${ranks} over gloo, experts shared by `, 'm'));
    if (args.includes('auto')) {
      expect(outcome.out).toMatch(/^collectives: experts [\d.]+ ms \+ [\d.]+ ms\/MiB, peers .*, sum .*, gather /m);
      // Where rows are dealt out there are no parts of the backward pass's own.
      expect(outcome.out).toMatch(/^--tensor-schedule auto: (s1|base) in stage.* a micro-batch\)$/m);
      expect(outcome.out).toMatch(/^memory: --recompute off, .* of at most 4 GiB are predicted/m);
    }
    const expected = lossesOf(alone[name]!);
    const got = lossesOf(run);
    expect(got).toHaveLength(steps);
    // The same float32 numbers summed in another order, and 20 updates that build on each other: AdamW divides by the
    // root of the second moment, so that small gradients weigh their rounding as much as large ones. Seen: 1e-7 of
    // losses and norms, 5e-5 of a parameter's largest element.
    got.forEach(([loss, norm], i) => {
      const [expectedLoss, expectedNorm] = expected[i]!;
      expect(Math.abs(loss - expectedLoss)).toBeLessThan(2e-6 * expectedLoss);
      expect(Math.abs(norm - expectedNorm)).toBeLessThan(1e-5 * expectedNorm);
    });
    // A moment that is rounded to the other neighbour for such a last bit, which is rare, moves one update by a 256th part.
    const isRounded = (variants[name] as string[]).includes('bfloat16');
    expect(await parameterError(run, alone[name]!)).toBeLessThan(isRounded ? 2e-3 : 5e-4);
  });

  it('trains adapters of a folder of transformers, of its experts too, whole or in slices, as on one rank', async () => {
    const base = join(folder.path, 'base');
    await useBackend('auto');
    await tinyPretrained(base);
    const tuned = [
      ...[
        '--init',
        base,
        '--data',
        text,
        '--run-dir',
        runs,
        '--batch-size',
        '2',
        '--accumulate',
        '2',
        '--threads',
        '1',
      ],
      ...['--lr', '0.02', '--lora-rank', '2', '--steps', '4', '--eval-batches', '2', '--sample-tokens', '0'],
    ];
    const one = await trainOn(1, ...tuned);
    for (const slices of [[], ['--tensor-parallel', '2', '--expert-shards', '2']]) {
      const two = await trainOn(2, ...tuned, ...slices);
      expect(two.outcome.out).toMatch(/^ranks: 2 over gloo, experts shared by all/m);
      expect(lossesOf(two.run)).toHaveLength(4);
      lossesOf(two.run).forEach(([loss, norm], i) => {
        const [expectedLoss, expectedNorm] = lossesOf(one.run)[i]!;
        expect(Math.abs(loss - expectedLoss)).toBeLessThan(2e-6 * expectedLoss);
        expect(Math.abs(norm - expectedNorm)).toBeLessThan(1e-5 * expectedNorm);
      });
      expect(await parameterError(two.run, one.run, 4)).toBeLessThan(5e-4);
    }
  });

  it('generates the text that one rank does, of a run and of a folder of transformers', async () => {
    const base = join(folder.path, 'generated');
    await useBackend('auto');
    await tinyPretrained(base);
    const how = ['--prompt', 'the quick brown fox', '--max-tokens', '10', '--threads', '1'];
    for (const [path, ...more] of [[alone['dropless']!], [base, '--overlap', '0']]) {
      const expected = await lmTrain('generate', path!, ...how);
      const { code, out, err } = await startRanks(2, 'generate', path!, ...how, ...more).done;
      expect(err).toMatch(/^ranks: 2 over gloo, experts shared by all$/m);
      expect([code, out]).toEqual([0, expected.out]);
    }
  });

  it('is the same run, bit for bit, whatever runs while tokens travel', async () => {
    const plans = [
      ['--overlap', 'off'],
      // Half of a rank's experts at a time backward, and gradients between the exchanges.
      ['--overlap', '2', '--backward-expert-chunks', '2', '--place-gradients', 'on'],
      ['--overlap', 'auto'],
    ];
    const outcomes = [];
    for (const plan of plans) outcomes.push(await trainOn(2, ...four, ...plan));
    const [off, ...others] = outcomes.map(({ run }) => fileOf(run, steps, 'model.safetensors'));
    for (const other of others) expect(other.equals(off!)).toBe(true);
    // Not watched where nothing is to be chosen; or of slot 2, in numbers of one step.
    expect(outcomes[0]!.outcome.out).toMatch(
      /communication of a step, ms\n +stage +slot +parts .*\n +0 +none +1( +-){7}\n/,
    );
    expect(outcomes[1]!.outcome.out).toMatch(
      /\n +0 +2 +1, backward 2 expert chunks +\d+\.\d +\d+\.\d +-?\d+\.\d\d +\d+\.\d( +-){3}\n/,
    );
    expect(outcomes[2]!.outcome.out).toMatch(/\n +0 +(none|\d) +\d .* \d+\.\d +(-|[+-]?\d+ ?%) +\d+\.\d\n/);
  });

  it('writes what all ranks did when, with --trace', async () => {
    const path = join(folder.path, 'traces', 'trace.json');
    const more = ['--num-layers', '4', '--overlap', '1', '--place-gradients', 'on'];
    const { run } = await trainOn(2, ...four, ...more, '--trace', path, '--trace-steps', '1');
    const { spans } = readChromeTrace(readFileSync(path, 'utf8'));
    expect([...new Set(spans.map(({ rank }) => rank))].sort()).toEqual([0, 1]);
    const numParts = readMetricsFile(join(run, 'metrics.jsonl')).at(-2)?.['placedGradientParts'];
    for (const rank of [0, 1]) {
      const own = spans.filter((span) => span.rank === rank);
      const travelling = own.filter(({ track }) => track === 'communication').map(({ operator }) => operator);
      const there = ['0 dispatch', '0 combine', '1 dispatch', '1 combine'];
      // One step of two micro-batches: dispatch and combine there, and of the gradients back.
      const both = [...there, ...there.toReversed().map((name) => `${name}'`)];
      expect(travelling.filter((name) => !name.startsWith('gradients'))).toEqual([...both, ...both]);
      // Those in gaps, where any fit by what was measured, and the rest at the end.
      const ofGradients = travelling.filter((name) => name.startsWith('gradients'));
      expect(ofGradients.length).toBeGreaterThan(Number(numParts ?? 0));
      expect(own.filter(({ operator }) => operator === '0 attention1')).toHaveLength(2);
      for (const { startMs, endMs } of own) expect(endMs).toBeGreaterThanOrEqual(startMs);
    }
  });

  it('says which slots there are', async () => {
    const { code, err } = await startRanks(2, 'train', ...four, '--overlap', '7').done;
    expect(err).toContain("overlap: expected 'auto', 'off' or a slot that a stage has, 0 to 3 here, got 7");
    expect(code).toBe(1);
  });

  it('is the same run each time, bit for bit, and when it is resumed', async () => {
    const first = await trainOn(2, ...four, '--save-every', '10');
    const second = await trainOn(2, ...four, '--save-every', '10');
    const resumed = join(folder.path, 'resumed');
    cpSync(checkpoint(first.run, 10), checkpoint(resumed, 10), { recursive: true });
    const third = await startRanks(2, 'train', '--resume', resumed, '--threads', '1', '--sample-tokens', '0').done;
    expect(third.err).toBe('');
    for (const name of ['model.safetensors', 'optimizer.safetensors']) {
      const expected = fileOf(first.run, steps, name);
      expect(fileOf(second.run, steps, name).equals(expected)).toBe(true);
      expect(fileOf(resumed, steps, name).equals(expected)).toBe(true);
    }
  });

  it('goes on with another number of ranks', async () => {
    // Six experts are three for each of two ranks, and unequal shares for four.
    const { run } = await trainOn(2, ...four, '--num-experts', '6', '--save-every', '10');
    for (const ranks of [1, 4]) {
      const other = join(folder.path, `on-${ranks}`);
      cpSync(checkpoint(run, 10), checkpoint(other, 10), { recursive: true });
      const { outcome } = await trainOn(ranks, '--resume', other, '--threads', '1', '--sample-tokens', '0');
      if (ranks === 4) expect(outcome.out).toMatch(/^experts: 6 on 4 ranks, 1, 2, 1, 2: a step waits for those with/m);
      expect(await parameterError(other, run)).toBeLessThan(5e-4);
    }
  });

  it('goes on from its last checkpoint when a rank is killed and the launcher starts all again', async () => {
    const runs = join(folder.path, 'restarted');
    const args = [...four, '--run-dir', runs, '--save-every', '5', '--steps', '60'];
    const killed = { signal: 'SIGKILL', runs, file: join('checkpoints', 'step-000005') } as const;
    const started = startRanksWithASignal(2, killed, 'train', ...args);
    const { code, out, err } = await started.done;
    expect(err).toMatch(/rank 1 failed first: killed by SIGKILL/);
    expect(code).toBe(0);
    const from = Number(/restart 1: going on from \S*step-0*(\d+)/.exec(out)![1]);
    expect(from).toBeGreaterThanOrEqual(5);
    expect(out).toContain(`resumed at step ${from}`);
    // One run, whole, and nothing else.
    const [run, ...others] = readdirSync(runs);
    expect(others).toEqual([]);
    expect(lossesOf(join(runs, run!))).toHaveLength(60);
  });

  it('reports once, and samples from the whole model', async () => {
    const { outcome } = await trainOn(2, ...four, '--sample-tokens', '8');
    expect(outcome.out.match(/^validation loss/gm)).toHaveLength(1);
    expect(outcome.out).toMatch(/layer +e0 +e1 +e2 +e3/);
    expect(outcome.out).not.toContain('[rank 1]');
  });

  it('stops together at Ctrl-C, saves, and says how to go on', async () => {
    const started = startRanks(2, 'train', ...four, '--steps', '1000000', '--accumulate', '2');
    while (!started.output().includes('step 1') && started.process.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    started.process.kill('SIGINT');
    const { code, out } = await started.done;
    expect(code).toBe(130);
    expect(out).toMatch(/Interrupted by SIGINT after step \d+ of 1000000; saved: .*step-\d+/);
  });

  it('stops together when one rank alone is told to, and is not started again', async () => {
    const runs = join(folder.path, 'told');
    const args = [...four, '--run-dir', runs, '--save-every', '5', '--steps', '1000000', '--accumulate', '2'];
    const told = { signal: 'SIGTERM', runs, file: join('checkpoints', 'step-000005') } as const;
    const started = startRanksWithASignal(2, told, 'train', ...args);
    const { code, out, err } = await started.done;
    expect(out).toMatch(/Interrupted by SIGTERM after step \d+ of 1000000; saved: .*step-\d+/);
    expect(err).toMatch(/rank \d was told to end \(SIGTERM\): so does the run/);
    expect(err).not.toContain('again');
    expect(code).toBe(143);
    expect(readdirSync(runs)).toHaveLength(1);
  });

  it.each<[string, number, string[], RegExp, number]>([
    [
      'fewer experts than ranks',
      2,
      ['--num-experts', '1'],
      /numExperts: expected at least one for each of the 2 ranks that share the experts out, got 1/,
      2,
    ],
    [
      'micro-batches that the ranks can not share',
      2,
      ['--accumulate', '3'],
      /expected a multiple of the 2 ranks.*got 3/,
      2,
    ],
    [
      'groups that do not divide the ranks',
      2,
      ['--expert-parallel', '3'],
      /--expert-parallel: expected a divisor of the 2 ranks, got 3/,
      2,
    ],
    ['a missing text', 2, ['--data', '/nowhere'], /nowhere/, 1],
  ])('refuses %s on all ranks, and says why', async (_, ranks, args, message, exitCode) => {
    const { code, err } = await startRanks(ranks, 'train', ...four, ...args).done;
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n +at /);
    expect(code).toBe(exitCode);
  });
});
