import { describeUnless, temporaryFolderForEach } from '@scmoe/testing';
import { findAddon, useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import { loadPretrained, savePretrained } from '../huggingFace/files.js';

const config: GptConfig = {
  vocabSize: 40,
  numLayers: 4,
  dModel: 32,
  numHeads: 2,
  sequenceLength: 32,
  norm: 'rms',
  activation: 'swiglu',
  positionEncoding: 'rotary',
  tiedEmbeddings: false,
  moe: { kind: 'scmoe', numExperts: 4 },
};
const mixtral: GptConfig = {
  ...config,
  placement: 'every',
  attentionBias: false,
  moe: { kind: 'top2', numExperts: 4, normalizeWeights: true },
};
const prompt = [3, 1, 4, 1, 5];
const folder = temporaryFolderForEach();
const options = { maxNewTokens: 12, temperature: 0 };

describeUnless(findAddon().problem, 'weights in fewer bytes', () => {
  beforeAll(() => useBackend('scmoe', { threads: 1 }));

  it.each([
    ['bfloat16', 0.7],
    ['int8', 0.5],
  ] as const)('in %s a model writes what one of the rounded numbers writes, and takes less', async (format, share) => {
    const { bytesInUse } = tf.memory() as unknown as { bytesInUse: number };
    const model = new Gpt(config, { seed: 3 });
    const used = () => (tf.memory() as unknown as { bytesInUse: number }).bytesInUse - bytesInUse;
    const before = used();
    model.storeWeights(format);
    expect(used() / before).toBeLessThan(share);

    const rounded = new Gpt(config, { seed: 3 });
    tf.tidy(() => {
      for (const [name, variable] of Object.entries(rounded.variables))
        variable.assign(tf.tensor(model.variables[name]!.dataSync(), variable.shape));
    });
    expect(await model.generate(prompt, options)).toEqual(await rounded.generate(prompt, options));
    model.dispose();
    rounded.dispose();
    expect(used()).toBe(0);
  });

  it('are rounded while a checkpoint is read, to the same numbers', async () => {
    const model = new Gpt(mixtral, { seed: 3 });
    await savePretrained(model, folder.path, { modelType: 'mixtral' });
    model.storeWeights('int8');
    const { bytesInUse } = tf.memory() as unknown as { bytesInUse: number };
    const loaded = await loadPretrained(folder.path, { as: Gpt, weightFormat: 'int8' });
    const used = (tf.memory() as unknown as { bytesInUse: number }).bytesInUse - bytesInUse;
    expect(used).toBeLessThan(0.5 * 4 * loaded.numParameters());
    for (const [name, variable] of Object.entries(model.variables))
      expect([name, loaded.variables[name]!.dataSync()]).toEqual([name, variable.dataSync()]);
    loaded.dispose();
    model.dispose();
  });

  it('leave tables and routers as they are', () => {
    const [model, plain] = [new Gpt(config, { seed: 3 }), new Gpt(config, { seed: 3 })];
    model.storeWeights('int8');
    const changed = Object.keys(model.variables).filter(
      (name) => model.variables[name]!.dataSync().join() !== plain.variables[name]!.dataSync().join(),
    );
    const kinds = new Set(changed.map((name) => name.replace(/^\w+\d\./, '').replace(/\d/g, '')));
    expect(kinds).toContain('head.weight');
    for (const kind of kinds) expect(kind).not.toMatch(/embedding|router|norm/);
    model.dispose();
    plain.dispose();
  });

  it('name the parameter that int8 can not hold', () => {
    const model = new Gpt(config, { seed: 3 });
    const [name, variable] = Object.entries(model.variables).find(([name]) => name.endsWith('wq'))!;
    tf.tidy(() => variable.assign(tf.mul(variable, Infinity)));
    expect(() => model.storeWeights('int8')).toThrow(
      `${name}: toWeightFormat: weight: expected finite numbers for int8`,
    );
    model.dispose();
  });
});
