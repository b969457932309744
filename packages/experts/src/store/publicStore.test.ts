import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { UserError } from '@scmoe/errors';
import { Gpt, LanguageModel, loadPretrained, LongcatFlash, savePretrained, type GptConfig } from '@scmoe/models';
import { temporaryFolder } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { openExpertStore, packExperts, packLines, startBackend, storedExperts } from '../index.js';

const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);

const size = { vocabSize: 12, numLayers: 2, dModel: 16, numHeads: 2, sequenceLength: 32, ffnHidden: 12 };
const llamaLike: GptConfig = {
  ...size,
  ...({ positionEncoding: 'rotary', norm: 'rms', activation: 'swiglu', attentionBias: false } as const),
  ...({ tiedEmbeddings: false, placement: 'every' } as const),
};
const models: Record<string, () => Gpt | LongcatFlash> = {
  mixtral: () => new Gpt({ ...llamaLike, moe: { kind: 'top2', numExperts: 8 } }, { seed: 1 }),
  qwen2_moe: () =>
    new Gpt(
      {
        ...{ ...llamaLike, attentionBias: 'qkv' },
        moe: { kind: 'shared', topK: 2, numExperts: 8, expertHidden: 4, sharedHidden: 5, blocks: [1] },
      },
      { seed: 1 },
    ),
  longcat_flash: () =>
    new LongcatFlash(
      {
        ...{ ...size, numLayers: 4, dModel: 16 },
        latent: { qLoraRank: 8, kvLoraRank: 6, qkNopeHeadDim: 4, qkRopeHeadDim: 4, vHeadDim: 6 },
        moe: { numExperts: 4, numZeroExperts: 2, topK: 3, routedScalingFactor: 1.5, expertHidden: 12 },
      },
      { seed: 1 },
    ),
};

beforeAll(async () => {
  await startBackend({ threads: 1 });
  for (const [modelType, create] of Object.entries(models)) {
    const model = create();
    tf.tidy(() => Object.values(model.variables).forEach((variable) => variable.assign(tf.mul(variable, 4))));
    await savePretrained(model, at(modelType), { modelType });
    model.dispose();
  }
});

async function outcome(model: LanguageModel<object>) {
  const ids = Int32Array.from({ length: 40 }, (_, i) => (i * i + 3) % 12);
  const { logits } = tf.tidy(() => ({ logits: model.forward(tf.tensor2d(ids, [2, 20], 'int32')).logits }));
  const values = await logits.data();
  logits.dispose();
  return { values, text: await model.generate([1, 2, 3], { maxNewTokens: 12, seed: 2 }) };
}

describe('experts of a folder of transformers in a store', () => {
  it.each(Object.keys(models))('compute what they do in memory, bit for bit: %s', async (modelType) => {
    const before = tf.memory().numTensors;
    const whole = await loadPretrained(at(modelType), { as: LanguageModel });
    const expected = await outcome(whole);
    whole.dispose();
    const out = at(`${modelType} packed`);
    const { header } = await packExperts({ checkpoint: at(modelType), out });
    for (const numCached of [1, 100]) {
      const store = await openExpertStore(out, { cacheBytes: numCached * header.stride, numReaders: 1 });
      await store.expectPackedFromFolder(at(modelType));
      const model = await loadPretrained(at(modelType), { as: LanguageModel, expertSource: storedExperts(store) });
      expect(Object.keys(model.variables).filter((name) => name.includes('.experts.'))).toEqual([]);
      expect(await outcome(model)).toEqual(expected);
      expect(store.statistics.wasted).toBe(0);
      model.dispose();
      await store.close();
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it('say how many they are, and leave the folder as it was', async () => {
    const files = () =>
      readdirSync(at('mixtral')).map((name) => readFileSync(join(at('mixtral'), name)).toString('hex'));
    const before = files();
    const written = await packExperts({ checkpoint: at('mixtral'), out: at('told') });
    expect(packLines(written)).toEqual(['packed: 2 layers of 8 experts, 4 KiB each, 64 KiB in all']);
    expect(written.header.layers).toEqual(['block0', 'block1']);
    expect(files()).toEqual(before);
  });

  it('are not taken for those of another model, nor of the same after more training', async () => {
    await packExperts({ checkpoint: at('mixtral'), out: at('bound') });
    const store = await openExpertStore(at('bound'), { cacheBytes: 4096, numReaders: 1 });
    await expect(store.expectPackedFromFolder(at('qwen2_moe'))).rejects.toThrow(
      /bound has the experts of another model: expected those of .*qwen2_moe/,
    );
    const model = await loadPretrained(at('mixtral'), { as: Gpt });
    tf.tidy(() => Object.values(model.variables).forEach((variable) => variable.assign(tf.mul(variable, 1.01))));
    await savePretrained(model, at('trained'), { modelType: 'mixtral' });
    model.dispose();
    await expect(store.expectPackedFromFolder(at('trained'))).rejects.toThrow(UserError);
    await expect(store.expectPackedFromFolder(at('nowhere'))).rejects.toThrow(/nowhere/);
    await store.close();
  });

  it('are refused where there are none, or a tensor is missing, and nothing is written', async () => {
    const dense = new Gpt(llamaLike, { seed: 1 });
    await savePretrained(dense, at('dense'), { modelType: 'llama' });
    dense.dispose();
    await expect(packExperts({ checkpoint: at('dense'), out: at('none') })).rejects.toThrow(
      /dense: expected a model with routed experts, got one of none/,
    );
    const config = JSON.parse(readFileSync(join(at('mixtral'), 'config.json'), 'utf8')) as object;
    await savePretrained(models['mixtral']!(), at('cut'), { modelType: 'mixtral' });
    writeFileSync(join(at('cut'), 'config.json'), JSON.stringify({ ...config, num_local_experts: 9 }));
    await expect(packExperts({ checkpoint: at('cut'), out: at('none') })).rejects.toThrow(UserError);
    await expect(packExperts({ checkpoint: at('mixtral'), out: at('dense') })).rejects.toThrow('got one that does');
    expect(readdirSync(folder.path).filter((name) => name.startsWith('none'))).toEqual([]);
  });
});
