import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Gpt, loadPretrained, savePretrained, type GptConfig } from '@scmoe/models';
import { RandomStream } from '@scmoe/tensor';
import { temporaryFolder } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { pruneExperts, startBackend, type PruneReport } from '../index.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);
const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8')) as Record<string, unknown>;

const size = { vocabSize: 8, numLayers: 2, dModel: 16, numHeads: 2, sequenceLength: 32, ffnHidden: 12 };
const llamaLike = {
  ...size,
  ...({ positionEncoding: 'rotary', norm: 'rms', activation: 'swiglu', attentionBias: false } as const),
  ...({ tiedEmbeddings: false, placement: 'every' } as const),
};
const families: [string, GptConfig][] = [
  ['mixtral', { ...llamaLike, moe: { kind: 'top2', numExperts: 8 } }],
  [
    'qwen2_moe',
    {
      ...{ ...llamaLike, attentionBias: 'qkv' },
      moe: { kind: 'shared', topK: 2, numExperts: 8, expertHidden: 4, sharedHidden: 5, blocks: [1] },
    },
  ],
  ['qwen3_moe', { ...llamaLike, qkNorm: 'perHead', moe: { kind: 'top2', numExperts: 8, expertHidden: 4 } }],
];

const tokenizer = {
  version: '1.0',
  pre_tokenizer: { type: 'Split', pattern: { Regex: '.' }, behavior: 'Isolated', invert: false },
  model: { type: 'WordLevel', vocab: Object.fromEntries([...'abcdefgh'].map((c, i) => [c, i])), unk_token: 'a' },
};

beforeAll(async () => {
  await startBackend({ threads: 1 });
  const random = new RandomStream({ seed: 1 });
  writeFileSync(at('text.txt'), Array.from({ length: 1200 }, () => 'abcdefgh'[random.int(8)]).join(''));
});

/**
 * Saves a public folder whose first channel is large and positive in every token, so that the first row of a router is a bias.
 *
 * @param gone experts whose logits are made so small that they are at -infinity for any score function
 */
async function save(name: string, [modelType, config]: [string, GptConfig], gone: Record<string, number[]> = {}) {
  const model = new Gpt(config, { seed: 1 });
  tf.tidy(() => {
    for (const [key, variable] of Object.entries(model.variables)) {
      const [, layer] = /^(block\d)\.router\.weight$/.exec(key) ?? [];
      const first = Array.from({ length: variable.shape[1] ?? 0 }, (_, e) =>
        layer && gone[layer]?.includes(e) ? -1e9 : 0,
      );
      if (key === 'embedding') variable.assign(tf.concat([tf.fill([8, 1], 4), variable.slice([0, 1])], 1));
      if (layer) variable.assign(tf.concat([tf.tensor2d([first]), tf.mul(variable.slice([1, 0]), 40)]));
    }
  });
  await savePretrained(model, at(name), { modelType });
  model.dispose();
  writeFileSync(join(at(name), 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(join(at(name), 'config.json'), JSON.stringify({ ...json(at(name), 'config.json'), eos_token_id: 7 }));
}

async function outputsOf(path: string): Promise<{ logits: Float32Array; experts: number[][] }> {
  const model = await loadPretrained(path, { as: Gpt });
  try {
    return tf.tidy(() => {
      const ids = tf.tensor2d(
        Int32Array.from({ length: 64 }, (_, i) => (i * i + 3 * i) % 8),
        [2, 32],
        'int32',
      );
      const { logits, routings } = model.forward(ids);
      const experts = routings.map((routing) => [...routing.experts.dataSync()]);
      return { logits: logits.dataSync<'float32'>().slice(), experts };
    });
  } finally {
    model.dispose();
  }
}

const goneOf = ({ kept, numExperts }: PruneReport) =>
  Object.fromEntries(
    Object.entries(kept).map(([layer, ids]) => [layer, [...Array(numExperts).keys()].filter((e) => !ids.includes(e))]),
  );

describe('a pruned folder of transformers', () => {
  it.each(families)('is the full model with the logits of those that went at -infinity: %s', async (type, config) => {
    const [full, out] = [at(type), at(`${type} pruned`)];
    await save(type, [type, config]);
    const options = { checkpoint: full, prune: 3, criterion: 'random' } as const;
    // The draw is the same whatever the model.
    await save(type, [type, config], goneOf(await pruneExperts(options)));
    const { kept, saved } = await pruneExperts({ ...options, out });
    expect(saved).toBe(out);
    const [expected, got] = [await outputsOf(full), await outputsOf(out)];
    expect(new Set(expected.experts.flat()).size).toBeGreaterThan(3);
    expect(got.experts.map((experts, i) => experts.map((e) => Object.values(kept)[i]![e]))).toEqual(expected.experts);
    // Softmax divides by a sum of fewer terms, in another order.
    expected.logits.forEach((value, i) => expect(Math.abs(got.logits[i]! - value)).toBeLessThan(1e-5));
    const [before, after] = [json(full, 'config.json'), json(out, 'config.json')];
    const numbers = ['num_local_experts', 'num_experts'];
    const others = (of: object) => Object.entries(of).filter(([name]) => !numbers.includes(name));
    expect(others(after)).toEqual(others(before));
    expect(numbers.map((name) => after[name] ?? 5)).toEqual([5, 5]);
    expect(readdirSync(out)).toEqual(expect.arrayContaining(['prune.json', 'tokenizer.json']));
  });

  it('has the experts that a text asks for, and says what that costs', async () => {
    await save('model', families[0]!);
    const text = at('text.txt');
    const report = await pruneExperts({ checkpoint: at('model'), prune: 2, text, batches: 2, randomDraws: 1 });
    expect(report).toMatchObject({ criterion: 'reap', numExperts: 8, numKept: 6, losses: { text, tokens: 64 } });
    expect(Object.keys(report.scores)).toEqual(['block0', 'block1']);
    expect(report.losses!.random).toHaveLength(1);
  });

  it('goes by another folder of the same model, and has its precision', async () => {
    await save('before', families[0]!);
    const model = await loadPretrained(at('before'), { as: Gpt });
    tf.tidy(() => {
      const router = model.variables['block0.router.weight']!;
      router.assign(tf.mul(router, tf.tensor1d([1, 3, 1, 3, 1, 3, 1, 3])));
    });
    await savePretrained(model, at('after'), { modelType: 'mixtral', dtype: 'bfloat16' });
    model.dispose();
    const out = at('by routers');
    const { kept } = await pruneExperts({ checkpoint: at('after'), before: at('before'), prune: 4, out });
    expect(kept['block0']).toEqual([1, 3, 5, 7]);
    expect(json(out, 'config.json')['dtype']).toBe('bfloat16');
  });

  it('is not there where something is wrong', async () => {
    await save('wrong', families[0]!);
    const options = { checkpoint: at('wrong'), out: at('nothing') };
    for (const [change, message] of [
      [{ prune: 7 }, /expected to keep at least 2 experts/],
      [{ prune: 1 }, /criterion reap: expected a text to measure experts on, got none/],
      [{ prune: 2, criterion: 'random', out: at('wrong') }, /expected a folder that does not exist yet/],
    ] as const)
      await expect(pruneExperts({ ...options, ...change })).rejects.toThrow(message);
    writeFileSync(join(at('wrong'), 'config.json'), JSON.stringify({ model_type: 'llama' }));
    await expect(pruneExperts({ ...options, prune: 1 })).rejects.toThrow(/config.json/);
    expect(existsSync(at('nothing'))).toBe(false);
  });

  it('leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    await pruneExperts({ checkpoint: at('model'), prune: 2, criterion: 'random', out: at('again') });
    expect(tf.memory().numTensors).toBe(before);
  });
});
