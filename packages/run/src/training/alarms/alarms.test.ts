import { findGloo } from '@scmoe/comm';
import { describeUnless, temporaryFolder } from '@scmoe/testing';
import { loadCheckpoint, readMetricsFile } from '@scmoe/trainer';
import { join } from 'node:path';

import { runQuarters, runQuartersOn } from '../../testing/runQuarters.js';

const folder = temporaryFolder();
const runs = join(folder.path, 'runs');
const options = ['--run-dir', runs, '--threads', '1', '--num-experts', '2', '--eval-every', '0', '--steps', '8'];
const runOf = (out: string) => /^run: (\S+?),?(?: |$)/m.exec(out)![1]!;
const recordsOf = (out: string) => readMetricsFile(join(runOf(out), 'metrics.jsonl'));
const alarmsIn = (err: string) => err.split('\n').filter((line) => line.includes('alarm: '));
const last = (out: string) => loadCheckpoint(join(runOf(out), 'checkpoints', 'step-000008'));

/** One rank with a micro-batch a step, and two with one each: batch 5 and batches 10, 11 are those of step 6. */
const places: [string, (...args: string[]) => ReturnType<typeof runQuarters>, string, string][] = [
  ['on one rank', runQuarters, '1', '5'],
  ['on one rank, in the last of two micro-batches', runQuarters, '2', '11'],
  ['on two ranks, of which one has it', (...args) => runQuartersOn(2, ...args), '2', '11'],
];

describeUnless(findGloo().problem, 'a loss that is no number', () => {
  describe.each(places)('%s', (_, run, accumulate, bad) => {
    const withFault = (...args: string[]) =>
      run(...options, '--accumulate', accumulate, '--bad-batch', bad, '--save-every', '2', '--keep', '0', ...args);

    it('stops the run where nothing else is asked for, and names the last checkpoint', async () => {
      const { code, err, out } = await withFault();
      expect(code).toBe(1);
      expect(err).toMatch(
        /Training diverged at step 6: the loss is NaN, expected a finite number\..*lower learning rate/,
      );
      expect(err).toContain(`The last good checkpoint: ${join(runOf(out), 'checkpoints', 'step-000004')}`);
    });

    it('is skipped with --on-divergence skip: the step has no update, and the metrics say so', async () => {
      const { code, err, out } = await withFault('--on-divergence', 'skip');
      expect(code).toBe(0);
      expect(alarmsIn(err)).toEqual([
        expect.stringMatching(/step 6: the loss is NaN, .* The update was skipped \(1 of 5\)\. A lower learning rate/),
      ]);
      const records = recordsOf(out).filter(({ learningRate }) => learningRate !== undefined);
      expect(records.map(({ skipped }) => skipped)).toEqual(
        [5, 5, 5, 5, 5, 1, 7, 7].map((n) => (n === 1 ? 1 : undefined)),
      );
      expect(records[5]).toMatchObject({ step: 6, loss: null });
      const { index, parameters } = await last(out);
      expect([index.step, index.optimizer.stepCount]).toEqual([8, 7]);
      for (const { data } of Object.values(parameters))
        expect((data as Float32Array).every(Number.isFinite)).toBe(true);
    });

    it('takes the run back with --on-divergence rewind, and on with other data', async () => {
      const { code, err, out } = await withFault('--on-divergence', 'rewind');
      expect(code).toBe(0);
      expect(alarmsIn(err)).toEqual([
        expect.stringMatching(
          /step 6: the loss is NaN, .* Going back to step 4, and on with the data after those of step 6 \(1 of 5\)/,
        ),
      ]);
      const steps = recordsOf(out).flatMap(({ step, learningRate }) => (learningRate === undefined ? [] : [step]));
      expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(recordsOf(out)).toContainEqual({ step: 4, rewoundFrom: 6 });
      const { index } = await last(out);
      expect([index.step, index.optimizer.stepCount, index.config['skippedData']]).toEqual([8, 8, 2]);
    });
  });

  it('that comes more often than --divergence-limit allows stops the run after all', async () => {
    for (const what of ['skip', 'rewind']) {
      const bad = ['--bad-batch', '5', '--on-divergence', what, '--divergence-limit', '0', '--save-every', '2'];
      const { code, err } = await runQuarters(...options, ...bad);
      expect([code, alarmsIn(err)]).toEqual([1, []]);
      expect(err).toContain('Training diverged at step 6');
    }
  });

  it('before there is a checkpoint can not be rewound', async () => {
    const { code, err } = await runQuarters(...options, '--bad-batch', '5', '--on-divergence', 'rewind');
    expect(code).toBe(1);
    expect(err).toMatch(/Training diverged at step 6.*\nThere is no checkpoint yet\./);
  });

  it('that was rewound is remembered by what is saved after it: a run that goes on computes the same', async () => {
    const args = ['--bad-batch', '5', '--on-divergence', 'rewind', '--save-every', '2', '--keep', '0'];
    const { out } = await runQuarters(...options, ...args);
    const whole = (await last(out)).parameters;
    // Step 6 was made of other data after the way back: a run that goes on from it has to know.
    const from = join(runOf(out), 'checkpoints', 'step-000006');
    const again = await runQuarters('train', '--resume', from, '--run-dir', runs, '--threads', '1', '--bad-batch', '5');
    expect([again.code, again.err]).toEqual([0, '']);
    expect((await last(out)).parameters).toEqual(whole);
  });
});

describeUnless(findGloo().problem, 'routers that go wrong', () => {
  const ranks: [string, (...args: string[]) => ReturnType<typeof runQuarters>][] = [
    ['on one rank', runQuarters],
    ['on two ranks', (...args) => runQuartersOn(2, ...args)],
  ];
  const train = (run: typeof runQuarters, ...args: string[]) =>
    run(...options.slice(0, -1), '24', '--num-experts', '4', '--kind', 'standard', '--top-k', '1', ...args);

  it.each(ranks)(
    '%s are named, with a cure, once: an expert without tokens, collapse, logits, drops',
    async (_, run) => {
      // A router that learns so fast, and is not told to balance, sends everything to one expert and its logits up.
      const wild = ['--lr', '3', '--warmup', '0', '--clip', '0', '--load-balance', '0'];
      const bounds = [
        '--alarm-idle-steps',
        '3',
        '--alarm-entropy',
        '0.9',
        '--alarm-logits',
        '2',
        '--alarm-dropped',
        '0.05',
      ];
      const { err, out } = await train(run, ...wild, ...bounds, '--capacity-factor', '1', '--on-divergence', 'skip');
      const lines = alarmsIn(err);
      expect(lines).toEqual(
        expect.arrayContaining([
          expect.stringMatching(
            /block\d\.router: experts? [\d, ]+ ha(s|ve) had no token for 3 steps\. A larger --load-balance/,
          ),
          expect.stringMatching(
            /block\d\.router: the entropy of its load is 0\.\d\d .*, below 0\.9\. A larger --load-balance/,
          ),
          expect.stringMatching(/block\d\.router: its logits have grown to \d+\.\d, above 2\. --z-loss 0\.001/),
          expect.stringMatching(
            /block\d\.router: \d+ % of its choices find no slot, more than 5 %\. A larger --capacity-factor/,
          ),
        ]),
      );
      expect(recordsOf(out).some(({ alarms }) => Number(alarms) > 0)).toBe(true);
    },
  );

  it('are not named where all is well', async () => {
    const { err, code } = await train(runQuarters, '--lr', '0.0001');
    expect([code, err]).toEqual([0, '']);
  });

  it('have losses, which the run names with their weights at its start', async () => {
    const lossesOf = async (...args: string[]) =>
      /router losses: (.*)/.exec((await train(runQuarters, '--steps', '1', ...args)).out)?.[1];
    expect(await lossesOf('--load-balance', '0.02', '--z-loss', '0.001')).toBe('loadBalance x 0.02, zLoss x 0.001');
    expect(await lossesOf('--load-balance', '0')).toBe('none');
  });
});
