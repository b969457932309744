import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Gpt } from '@scmoe/models';
import { RandomStream } from '@scmoe/tensor';
import { temporaryFolder } from '@scmoe/testing';
import { loadCheckpoint, restoreVariables } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import {
  openStoredExperts,
  prunedModel,
  pruneExperts,
  pruneLines,
  startBackend,
  type KeptExperts,
  type StoredExperts,
} from '../index.js';
import { gptOf, saveModel, settings } from '../testing/savedModel.js';

const folder = temporaryFolder();
const run = (name: string) => join(folder.path, name);
const textFile = () => join(folder.path, 'text.txt');
const kept: KeptExperts = { block0: [0, 2, 3, 5, 6, 7], block1: [1, 2, 3, 4, 5, 7] };
const ids = () => {
  const random = new RandomStream({ seed: 8 });
  return tf.tensor2d(
    Array.from({ length: 64 }, () => random.int(256)),
    [2, 32],
    'int32',
  );
};

beforeAll(async () => {
  await startBackend({ threads: 1 });
  const random = new RandomStream({ seed: 1 });
  writeFileSync(textFile(), Array.from({ length: 3000 }, () => 'abcdefgh  \n'[random.int(11)]).join(''));
});

/** Every file below a folder with its checksum. */
function checksums(path: string): string {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const sums = files.map(({ parentPath, name }) =>
    createHash('sha256')
      .update(readFileSync(join(parentPath, name)))
      .digest('hex'),
  );
  return sums.join();
}

describe('a pruned model', () => {
  /**
   * Scores from which the experts that go are out before the score function: the norm in front of each router gives a constant 1
   * in its first channel, which their columns take times -1e9. Softmax and sigmoid make that exactly 0.
   */
  function silence(variables: Record<string, tf.Variable>): void {
    for (const [layer, stay] of Object.entries(kept)) {
      for (const [name, variable] of Object.entries(variables)) {
        if (!name.startsWith(`${layer}.`)) continue;
        if (/norm.*\.weight$/i.test(name)) setFirst(variable, 0);
        if (/norm.*\.bias$/i.test(name)) setFirst(variable, 1);
        if (name.endsWith('.router.weight'))
          variable.assign(tf.tidy(() => tf.concat([firstRow(variable, stay), tf.slice(variable, [1, 0])])));
        if (name.endsWith('.router.correctionBias'))
          variable.assign(tf.tidy(() => tf.where(tf.tensor1d(isKept(8, stay), 'bool'), variable, -1e9)));
      }
    }
  }
  const isKept = (count: number, stay: readonly number[]) => Array.from({ length: count }, (_, e) => stay.includes(e));
  const firstRow = (weight: tf.Tensor, stay: readonly number[]) => {
    const columns = weight.shape[1]!;
    const silent = tf.tensor2d(
      isKept(columns, [...stay, 8, 9]).map((is) => (is ? 0 : -1e9)),
      [1, columns],
    );
    return tf.add(tf.slice(weight, [0, 0], [1, columns]), silent);
  };
  const setFirst = (variable: tf.Variable, value: number) =>
    variable.assign(tf.tidy(() => tf.concat([tf.tensor1d([value]), tf.slice(variable, [1])])));

  it.each<[string, Record<string, unknown>]>([
    ['softmax', {}],
    ['softmax, top-1, not normalised', { topK: 1 }],
    ['sigmoid with a correction bias', { scoreFunction: 'sigmoid', correctionBias: true }],
    ['two zero experts', { numZeroExperts: 2 }],
    ['top-2 in every block', { kind: 'top2', placement: 'every', numLayers: 2 }],
    ['DGMoE', { kind: 'dgmoe', topK: 1 }],
  ])('is the full one with the logits of those that went at -infinity: %s', async (name, options) => {
    const path = await saveModel(run(`silent ${name}`), { ...options, change: silence });
    const stored = await openStoredExperts(path);
    const full = gptOf({ ...settings, ...options });
    restoreVariables({ ...full.variables, ...full.buffers }, stored.checkpoint.parameters);
    const pruned = prunedModel(stored, kept);
    const outputs = (model: Gpt) => {
      const { logits, routings } = model.forward(ids());
      return { logits: logits.dataSync<'float32'>(), experts: routings.map(({ experts }) => [...experts.dataSync()]) };
    };
    const [expected, got] = [outputs(full), outputs(pruned)];
    // DGMoE has two routings of a layer.
    const perLayer = expected.experts.length / 2;
    const asBefore = got.experts.map((experts, i) => {
      const stay = [...kept[`block${Math.floor(i / perLayer)}`]!, 8, 9];
      return experts.map((id) => stay[id]!);
    });
    expect(asBefore).toEqual(expected.experts);
    // Softmax divides by a sum of fewer terms, in another order.
    expected.logits.forEach((value, i) => expect(Math.abs(got.logits[i]! - value)).toBeLessThan(1e-5));
    full.dispose();
    pruned.dispose();
  });

  it('without any that went is the same model', async () => {
    const stored = await openStoredExperts(await saveModel(run('all')));
    const every = { block0: [...Array(8).keys()], block1: [...Array(8).keys()] };
    const full = gptOf(settings);
    restoreVariables(full.variables, stored.checkpoint.parameters);
    for (const mode of ['remove', 'zero'] as const) {
      const same = prunedModel(stored, every, mode);
      expect(same.forward(ids()).logits.dataSync()).toEqual(full.forward(ids()).logits.dataSync());
      same.dispose();
    }
    full.dispose();
  });

  it('in mode zero chooses as before, and loses what the others would have added', async () => {
    const stored = await openStoredExperts(await saveModel(run('zero'), { kind: 'top2' }));
    const full = gptOf({ ...settings, kind: 'top2' });
    restoreVariables(full.variables, stored.checkpoint.parameters);
    const zero = prunedModel(stored, kept, 'zero');
    expect(zero.numExperts).toBe(8);
    const experts = (model: Gpt) => [...model.forward(ids()).routings[0]!.experts.dataSync()];
    expect(experts(zero)).toEqual(experts(full));
    // A layer whose experts are all gone adds nothing: the two differ where one was chosen.
    expect(zero.forward(ids()).logits.dataSync()).not.toEqual(full.forward(ids()).logits.dataSync());
    for (const [name, variable] of Object.entries(zero.variables)) {
      if (!name.startsWith('block0.experts.')) continue;
      const norms = tf.sum(tf.abs(tf.reshape(variable, [8, -1])), 1).dataSync();
      expect([norms[1], norms[4]]).toEqual([0, 0]);
    }
    zero.dispose();
    full.dispose();
  });
});

describe('pruneExperts', () => {
  let stored: StoredExperts;
  beforeAll(async () => {
    stored = await openStoredExperts(await saveModel(run('model'), { correctionBias: true }));
  });

  it('writes a run that has all of the rest, optimizer and settings too, and leaves the old one as it is', async () => {
    const before = checksums(run('model'));
    const out = run('pruned');
    const report = await pruneExperts({ checkpoint: run('model'), prune: 2, out, text: textFile(), batches: 2 });
    expect(checksums(run('model'))).toBe(before);
    expect(report).toMatchObject({ criterion: 'reap', mode: 'remove', numExperts: 8, numKept: 6 });
    expect(report.losses!.random).toHaveLength(3);
    for (const loss of [report.losses!.before, report.losses!.after]) expect(loss).toBeGreaterThan(1);

    const pruned = await openStoredExperts(out);
    expect(pruned.checkpoint.path).toBe(report.saved);
    expect(pruned.moe.numExperts).toBe(6);
    expect(pruned.checkpoint.index.config).toEqual({ ...stored.checkpoint.index.config, numExperts: 6 });
    expect(pruned.checkpoint.index).toMatchObject({ step: 2, optimizer: stored.checkpoint.index.optimizer });
    expect(JSON.parse(readFileSync(join(out, 'prune.json'), 'utf8'))).toMatchObject({ kept: report.kept });
    const lines = pruneLines(report);
    expect(lines[1]).toBe('6 of 8 experts stay in each layer, by reap (in brackets)');
    expect(lines.join('\n')).toMatch(
      / {2}block0: removed \d \(.*\) \d \(.*\)\n +stay \d .*\n[^]*\n {2}before +\d\.\d{4}\n {2}after /,
    );
    expect(lines.join('\n')).toMatch(/ {2}random instead +\d\.\d{4} \([+-].*\), mean of .*\nsaved: .*pruned/);
    // Every number of an expert that stays is where its new id says, in parameters and in both moments.
    for (const part of ['parameters', 'optimizerState'] as const) {
      const [was, is] = [stored.checkpoint[part], pruned.checkpoint[part]];
      expect(Object.keys(is)).toEqual(Object.keys(was));
      for (const [name, { shape, data }] of Object.entries(was)) {
        const layer = /(block\d)\.(experts|router)\./.exec(name)?.[1];
        const expected = layer
          ? tf.tidy(() => {
              const axis = name.includes('.experts.') ? 0 : shape.length - 1;
              const rest = tf.tensor1d(report.kept[layer]!, 'int32');
              return tf.gather(tf.tensor(data as Float32Array, [...shape]), rest, axis).dataSync();
            })
          : data;
        expect([name, is[name]!.data]).toEqual([name, expected]);
      }
    }
    expect(readdirSync(folder.path).filter((name) => name.includes('.tmp'))).toEqual([]);
  });

  it('keeps the experts whose columns of the router have grown, without any data', async () => {
    const grown = { block0: [1, 3, 5, 6], block1: [0, 2, 3, 7] };
    const after = await saveModel(run('after'), {
      correctionBias: true,
      change: (variables) => {
        for (const [layer, ids] of Object.entries(grown)) {
          const factors = tf.tensor1d(Array.from({ length: 8 }, (_, e) => (ids.includes(e) ? 1.5 : 0.9)));
          const weight = variables[`${layer}.router.weight`]!;
          weight.assign(tf.mul(weight, factors));
        }
      },
    });
    const report = await pruneExperts({ checkpoint: after, before: run('model'), prune: 4 });
    expect(report).toMatchObject({ criterion: 'routerNorm', kept: grown });
    expect(report.losses).toBeUndefined();
    expect(pruneLines(report)).toContain('held-out loss: not measured, for there is no text');
    expect(pruneLines(report).at(-1)).toBe('nothing was written');
  });

  it('prunes a model of images by what needs no text', async () => {
    const images = await saveModel(run('images'), { dataDescription: { numClasses: 4 }, steps: 1 });
    const report = await pruneExperts({ checkpoint: images, prune: 2, criterion: 'random', out: run('fewer images') });
    expect(report.losses).toBeUndefined();
    const { moe, checkpoint } = await openStoredExperts(run('fewer images'));
    expect([moe.numExperts, checkpoint.dataDescription]).toEqual([6, { numClasses: 4 }]);
    await expect(pruneExperts({ checkpoint: images, prune: 2, text: textFile() })).rejects.toThrow(
      /criterion reap: expected a language model, got .*images.*, a model of other data/,
    );
  });

  it('goes by what experts do with the text: loads, norms, and both with the weights', async () => {
    const of = (criterion: 'frequency' | 'activationNorm' | 'reap') =>
      pruneExperts({ checkpoint: run('model'), prune: 2, criterion, text: textFile(), batches: 2, randomDraws: 0 });
    const [frequency, activationNorm, reap] = [await of('frequency'), await of('activationNorm'), await of('reap')];
    // 2 batches of 4 sequences of 32 tokens with 2 choices each.
    for (const load of Object.values(frequency.scores)) expect(load.reduce((sum, n) => sum + n, 0)).toBe(512);
    for (const layer of ['block0', 'block1'])
      activationNorm.scores[layer]!.forEach((norm, e) => {
        const isChosen = frequency.scores[layer]![e]! > 0;
        expect([norm > 0, reap.scores[layer]![e]! > 0]).toEqual([isChosen, isChosen]);
        if (isChosen) expect(reap.scores[layer]![e]!).toBeLessThan(norm); // weights of two sum to 1
      });
  });

  it('rounds what stays up to what ranks and groups can share, of each group as many', async () => {
    const prune = { criterion: 'random', seed: 4 } as const;
    const ranks = await pruneExperts({ ...prune, checkpoint: run('model'), prune: 3, ranks: 3 });
    expect(ranks.numKept).toBe(6);
    const grouped = await saveModel(run('groups'), { numGroups: 4, topKGroups: 2 });
    const groups = await pruneExperts({ ...prune, checkpoint: grouped, prune: 4 });
    for (const ids of Object.values(groups.kept)) expect(ids.map((id) => Math.floor(id / 2))).toEqual([0, 1, 2, 3]);
    await expect(pruneExperts({ ...prune, checkpoint: grouped, prune: 3 })).rejects.toThrow(
      'prune: expected to keep fewer than 8 experts, a multiple for 4 groups, got 5',
    );
  });

  it('refuses what can not be, and writes nothing', async () => {
    const checkpoint = run('model');
    const out = run('refused');
    for (const [options, message] of [
      [{ prune: 8 }, 'prune: expected a whole number of at least 0 and less than the 8 experts, got 8'],
      [{ prune: 7 }, 'prune: expected to keep at least 2 experts, the choices of a token, got 1'],
      [{ prune: 1, ranks: 8 }, 'prune: expected to keep fewer than 8 experts, a multiple for 8 ranks, got 7'],
      [{ prune: 2, ranks: 0 }, 'ranks: expected a whole number of at least 1, got 0'],
      [
        { prune: 2, criterion: 'age' as 'reap' },
        'criterion: expected one of reap, frequency, activationNorm, routerNorm, random',
      ],
      [
        { prune: 2, criterion: 'routerNorm' },
        'criterion routerNorm: expected an earlier checkpoint to compare with, got none',
      ],
      [
        { prune: 2 },
        "criterion reap: expected a text to measure experts on, got none: the run's own data are not there",
      ],
      [{ prune: 2, text: run('no text') }, /Can't read data .*no text/],
      [
        { prune: 2, criterion: 'random', out: run('model') },
        /model: expected a folder that does not exist yet, got one that does/,
      ],
    ] as const)
      await expect(pruneExperts({ checkpoint, out, ...options })).rejects.toThrow(message);
    await expect(pruneExperts({ checkpoint: run('nowhere'), prune: 1 })).rejects.toThrow(/There is no checkpoint/);
    const dense = await saveModel(run('dense'), { kind: 'dense', steps: 1 });
    await expect(pruneExperts({ checkpoint: dense, prune: 1 })).rejects.toThrow(
      /expected a model with routed experts, got one of none/,
    );
    const ahead = await saveModel(run('ahead'), { routerAhead: true, steps: 1 });
    await expect(pruneExperts({ checkpoint: ahead, prune: 1, criterion: 'random' })).rejects.toThrow(
      /expected a router in each layer, whose experts can be pruned by themselves, got none in block0/,
    );
    const other = await saveModel(run('other'), { numExperts: 4, steps: 1 });
    await expect(pruneExperts({ checkpoint, before: other, prune: 1 })).rejects.toThrow(
      /expected a router \(16, 8\) of block0, as .* has, got \(16, 4\)/,
    );
    expect(existsSync(out)).toBe(false);
  });

  it('leaves nothing half written where the disk takes no more', async () => {
    const parent = run('a file');
    writeFileSync(parent, '');
    const out = join(parent, 'pruned');
    await expect(pruneExperts({ checkpoint: run('model'), prune: 2, criterion: 'random', out })).rejects.toThrow(
      /Can't/,
    );
    rmSync(parent);
  });

  it('leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    await pruneExperts({ checkpoint: run('model'), prune: 2, out: run('again'), text: textFile(), batches: 1 });
    expect(tf.memory().numTensors).toBe(before);
    expect((await loadCheckpoint(join(run('again'), 'checkpoints', 'step-000002'))).index.step).toBe(2);
  });
});
