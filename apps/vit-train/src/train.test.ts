import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { findGloo } from '@scmoe/comm';
import { describeUnless, temporaryFolder } from '@scmoe/testing';
import { readMetricsFile } from '@scmoe/trainer';

import { colourFolders, tinyRun } from './testing/tinyRun.js';
import { vitTrainOn, vitTrainProcess } from './testing/vitTrain.js';

// In processes of their own: in jest's contexts Math is slow, and drawing the shapes would take a minute.
const vitTrain = (...args: string[]) => vitTrainProcess(args);

const folder = temporaryFolder();
const options = tinyRun(folder.path);
const recipe = [
  ...['--mixup', '0.2', '--cutmix', '1', '--rand-augment', '5', '--erase', '0.25', '--average-decay', '0.9'],
  ...['--stochastic-depth', '0.2'],
];

/** The folder of the run that an output names. */
const runOf = (out: string) => /^run: (\S+?),?(?: |$)/m.exec(out)![1]!;
const checkpoint = (run: string, step: number) => join(run, 'checkpoints', `step-${String(step).padStart(6, '0')}`);
const files = ['model.safetensors', 'optimizer.safetensors'];

describe('vit-train', () => {
  let run: string;

  it('trains on the drawn shapes with the whole recipe, and reports what it did', async () => {
    const { code, out, err } = await vitTrain('train', ...options, ...recipe, '--save-every', '2', '--keep', '0');
    expect(err).toBe('');
    expect(code).toBe(0);
    run = runOf(out);
    expect(out).toMatch(
      /^data: drawn shapes: 4,096 pictures to train on, 1,024 to validate, 8 classes, 8 x 8 pixels$/m,
    );
    expect(out).toMatch(
      /^model: scmoe ViT, 2 blocks of width 16, 2 heads, patches of 4 every 2 of 8 pixels, 2 experts/m,
    );
    expect(out).toMatch(/FLOP per picture, 4 pictures per step/);
    expect(out).toMatch(/^validation loss +\d\.\d{4} \(top1 \d+\.\d %, top5 \d+\.\d %\), over 8 pictures$/m);
    expect(out).toMatch(/layer +e0 +e1 +max\/mean +dropped\n +0 +[\d.]+ +[\d.]+/);
    const last = readMetricsFile(join(run, 'metrics.jsonl')).at(-1)!;
    expect(Object.keys(last).sort()).toEqual(['step', 'validationLoss', 'validationTop1', 'validationTop5']);
  });

  it('resumes bit for bit', async () => {
    const resumed = join(folder.path, 'resumed');
    cpSync(checkpoint(run, 2), checkpoint(resumed, 2), { recursive: true });
    const { code, out } = await vitTrain('train', '--resume', resumed, '--threads', '1');
    expect(code).toBe(0);
    expect(out).toContain('resumed at step 2');
    for (const name of files)
      expect(
        readFileSync(join(checkpoint(resumed, 4), name)).equals(readFileSync(join(checkpoint(run, 4), name))),
      ).toBe(true);
  });

  it('evaluates the averages: the same numbers every time, with any batch size', async () => {
    const numbers = async (...args: string[]) =>
      /^loss.*/m.exec((await vitTrain('eval', run, '--threads', '1', ...args)).out)![0];
    const first = await numbers('--batch-size', '128');
    expect(first).toMatch(/^loss \d\.\d{4} {2}top1 \d+\.\d\d % {2}top5 \d+\.\d\d % {2}pictures 1,024$/);
    expect(await numbers('--batch-size', '128')).toBe(first);
    expect((await numbers('--batch-size', '300')).replace(/\d %/g, '')).toBe(first.replace(/\d %/g, ''));
    // With the batches of the run, what the run itself has seen of its averages at the end.
    const { validationLoss } = readMetricsFile(join(run, 'metrics.jsonl')).at(-1)!;
    expect(await numbers('--eval-batches', '2')).toContain(`loss ${(validationLoss as number).toFixed(4)} `);
  });

  it.each([
    ['experts in every block', ['--placement', 'every', '--kind', 'top2', '--num-layers', '3']],
    ['experts in chosen blocks', ['--moe-blocks', '3', '--num-layers', '4', '--kind', 'dgmoe']],
    ['a class token, plain patches and Muon', ['--pooling', 'class', '--patch-stride', '4', '--optimizer', 'muon']],
    ['a stem of convolutions', ['--stem', 'convolutions', '--patch-stride', '2']],
    ['photographs', ['--augment', 'photo', '--kind', 'shared', '--score-function', 'sigmoid', '--correction-bias']],
  ])('trains with %s', async (_, args) => {
    const { code, err } = await vitTrain('train', ...options, ...args);
    expect([code, err]).toEqual([0, '']);
  });

  it('says of which size shapes can be drawn', async () => {
    const { code, err } = await vitTrain('prepare', '--image-size', '2000');
    expect(code).toBe(2);
    expect(err).toContain('--image-size: the drawn shapes: size: expected a whole number from 8 to 1024, got 2000.');
  });

  it('trains on folders of pictures, which it decodes once', async () => {
    const data = join(folder.path, 'colours');
    await colourFolders(data);
    const prepared = await vitTrain('prepare', '--data', data, ...options.slice(0, 2), ...options.slice(-2));
    expect([prepared.code, prepared.err]).toEqual([0, '']);
    expect(prepared.out).toMatch(
      /16 pictures to train on, 2 to validate, 3 classes, 8 x 8 pixels; decoded to \S+images/,
    );
    expect(prepared.out).toContain('classes: blue, red, yellow');
    const { code, out, err } = await vitTrain('train', ...options, '--data', data);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('; cached in ');
    const evaluated = await vitTrain('eval', runOf(out), '--data', data);
    expect(evaluated.out).toMatch(/pictures 2$/m);
    const foreign = join(folder.path, 'foreign');
    cpSync(join(data, 'red'), join(foreign, 'pink'), { recursive: true });
    cpSync(join(data, 'red'), join(foreign, 'red'), { recursive: true });
    const refused = await vitTrain('eval', runOf(out), '--data', foreign);
    expect(refused.err).toContain('expected blue, red, yellow, got pink, red.');
    expect(refused.code).toBe(1);
  });

  it('says what is wrong with its data', async () => {
    const data = join(folder.path, 'bad');
    mkdirSync(join(data, 'a'), { recursive: true });
    writeFileSync(join(data, 'a', 'broken.png'), 'no picture');
    const cases: [string[], RegExp, number][] = [
      [['--data', join(folder.path, 'nowhere')], /nowhere: it does not exist/, 1],
      [['--data', data], /broken.png: expected a JPEG, PNG or WebP, got another content/, 1],
      [['--data', data, '--data-kind', 'parquet'], /holds no files of kind parquet/, 1],
      [['--patch-size', '5'], /patchStride: expected patchSize = 5, or an even number less, got 2/, 2],
      [['--moe-blocks', '0'], /moe.blocks: expected odd numbers below 2 .* got 0/, 2],
      [['--moe-blocks', 'one'], /'one' is invalid. Expected whole numbers/, 2],
      [['--kind', 'best'], /'best' is invalid. Allowed choices are/, 2],
    ];
    for (const [args, message, exitCode] of cases) {
      const { code, err } = await vitTrain('train', ...options, ...args);
      expect(err).toMatch(message);
      expect(err).not.toMatch(/\n +at /);
      expect(code).toBe(exitCode);
    }
  });

  it('explains every option', async () => {
    const { code, out } = await vitTrain('train', '--help');
    expect(code).toBe(0);
    for (const group of ['Model', 'Experts', 'Routers', 'Data', 'Recipe', 'Training'])
      expect(out).toContain(`${group}:`);
    for (const line of out.split('\n')) expect(line).not.toMatch(/undefined|\[object/);
  });
});

describeUnless(findGloo().problem, 'vit-train on two ranks', () => {
  it('trains as on one', async () => {
    const args = [...options, ...recipe, '--num-experts', '4', '--accumulate', '2', '--kind', 'top1'];
    const alone = await vitTrain('train', ...args);
    const together = await vitTrainOn(2, 'train', ...args);
    expect([alone.code, together.code, together.err]).toEqual([0, 0, '']);
    expect(together.out).toMatch(/^ranks: 2 over gloo, experts shared by all$/m);
    const [expected, got] = [alone, together].map(({ out }) => readMetricsFile(join(runOf(out), 'metrics.jsonl')));
    expect(got!).toHaveLength(expected!.length);
    got!.forEach(({ loss, validationLoss }, i) => {
      // The same float32 numbers summed in another order.
      const other = expected![i]!;
      const [a, b] = [loss ?? validationLoss, other['loss'] ?? other['validationLoss']] as [number, number];
      expect(Math.abs(a - b)).toBeLessThan(1e-4 * b);
    });
  });

  it('decodes on one of them, and says on both what is wrong', async () => {
    const data = join(folder.path, 'shared');
    await colourFolders(data);
    const { code, out } = await vitTrainOn(2, 'train', ...options, '--data', data);
    expect(code).toBe(0);
    expect(out).toMatch(/^data: .*; decoded to \S+images/m);
    const names = readdirSync(join(folder.path, 'cache')).filter((name) => name.startsWith('shared-'));
    expect(names).toHaveLength(1);
    writeFileSync(join(data, 'red', 'broken.png'), 'no picture');
    const failed = await vitTrainOn(2, 'train', ...options, '--data', data);
    expect(failed.code).toBe(1);
    expect(failed.err).toMatch(/broken.png: expected a JPEG, PNG or WebP, got another content/);
    expect(failed.err).toMatch(/Rank 0 could not do what this rank waits for: .*broken.png: expected a JPEG/);
  });
});
