import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { savePretrained, Vit } from '@scmoe/models';
import { openModel } from '@scmoe/run';
import { useBackend } from '@scmoe/tensor';
import { temporaryFolder } from '@scmoe/testing';
import { readMetricsFile } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { program } from './program.js';
import { colourFolders, tinyRun } from './testing/tinyRun.js';
import { vitTrain, vitTrainOn } from './testing/vitTrain.js';

const folder = temporaryFolder();
const all = tinyRun(folder.path);
// The sizes are those of the pretrained model.
const options = all.filter(
  (_, i) => !/size$|stride$|^--d-|num-/.test(all[i - (i % 2)]!) || all[i - (i % 2)] === '--batch-size',
);
const validationOf = (run: string) => readMetricsFile(join(run, 'metrics.jsonl')).at(-1)!['validationLoss'] as number;
const runOf = (out: string) => /^run: (\S+)/m.exec(out)![1]!;

describe('a run that starts from a checkpoint of transformers', () => {
  const init = join(folder.path, 'pretrained');
  const data = join(folder.path, 'colours');
  let pretrained: Vit;
  beforeAll(async () => {
    await useBackend('auto');
    await colourFolders(data);
    const sizes = { imageSize: 8, patchSize: 4, numLayers: 2, dModel: 16, numHeads: 2, ffnHidden: 24, numClasses: 4 };
    pretrained = new Vit({ ...sizes, placement: 'every' }, { seed: 5 });
    await savePretrained(pretrained, init);
    const normalisation = { image_mean: [0.1, 0.2, 0.3], image_std: [1, 1, 0.5] };
    writeFileSync(join(init, 'preprocessor_config.json'), JSON.stringify(normalisation));
  });
  afterAll(() => pretrained.dispose());

  it('has its sizes and parameters, a new head, and pictures as it wants them', async () => {
    const { code, out, err } = await vitTrain('train', ...options, '--data', data, '--init', init, '--lr', '1e-9');
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('model: dense ViT, 2 blocks of width 16, 2 heads, patches of 4 every 4 of 8 pixels');
    const { model, checkpoint } = await openModel(program, runOf(out), 'runs');
    const difference = (name: string) =>
      tf.tidy(() => tf.max(tf.abs(tf.sub(model.variables[name]!, pretrained.variables[name]!))).dataSync()[0]!);
    for (const name of ['patch.weight', 'positions', 'block1.attn.wq', 'block1.mlp.w2', 'normFinal.weight'])
      expect(difference(name)).toBeLessThan(1e-6);
    expect(model.variables['head.weight']!.shape).toEqual([16, 3]);
    expect(checkpoint.dataDescription['normalization']).toMatchObject({
      normalize: { mean: [0.1, 0.2, 0.3], std: [1, 1, 0.5] },
    });
    model.dispose();
  });

  it('may have larger pictures, whose positions are interpolated, and goes on without the folder', async () => {
    const args = ['--data', data, '--init', init, '--image-size', '16'];
    const { code, out } = await vitTrain('train', ...options, ...args);
    expect(code).toBe(0);
    const resumed = await vitTrain('train', '--resume', runOf(out), '--steps', '5');
    expect([resumed.code, resumed.err]).toEqual([0, '']);
  });

  it.each([
    ['top2', 1],
    ['scmoe', 1],
    ['shared', 2],
  ])('can have its MLPs copied to experts, and is what it was: %s, ranks: %d', async (kind, ranks) => {
    const run = (...args: string[]) => {
      const all = [
        'train',
        ...options,
        '--data',
        data,
        '--init',
        init,
        '--lr',
        '1e-9',
        '--stochastic-depth',
        '0',
        ...args,
      ];
      return ranks === 1 ? vitTrain(...all) : vitTrainOn(ranks, ...all);
    };
    const [dense, upcycled] = [await run('--kind', 'dense'), await run('--kind', kind)];
    expect([dense.code, upcycled.code]).toEqual([0, 0]);
    expect(upcycled.out).toContain(
      `start: parameters of ${init}; the MLP of 1 block copied to 8 experts each, routers drawn; a new head for 3 classes`,
    );
    const [before, after] = [dense, upcycled].map(({ out }) => validationOf(runOf(out)));
    expect(after).toBeGreaterThan(0.5);
    // The same sums in another order; a step of nearly no size.
    expect(Math.abs(after! - before!)).toBeLessThan(1e-5);
  });

  it('says what does not fit', async () => {
    const cases: [string[], RegExp][] = [
      [['--init', init, '--d-model', '32'], /dModel: expected 16 as in .*pretrained, got 32/],
      [
        ['--init', init, '--kind', 'top2', '--expert-hidden', '12'],
        /--init: moe.expertHidden: expected the MLP's 24, got 12/,
      ],
      [
        ['--init', init, '--kind', 'dgmoe'],
        /--init: moe.kind: expected one that can start as the dense model, got 'dgmoe'/,
      ],
      [['--init', init, '--stem', 'convolutions'], /stem: expected "patches" as in .*pretrained, got "convolutions"/],
      [['--init', join(folder.path, 'nowhere')], /nowhere/],
    ];
    for (const [args, message] of cases) {
      const { code, err } = await vitTrain('train', ...options, '--data', data, ...args);
      expect(err).toMatch(message);
      expect(err).not.toMatch(/\n +at /);
      expect(code).toBeGreaterThan(0);
    }
  });
});
