import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import * as tf from '@tensorflow/tfjs';

import { registerFileHandlers, useBackend } from '../index.js';

let folder: string;

beforeAll(() => useBackend('auto', { threads: 1 }));
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'model-'))));
afterEach(() => rm(folder, { recursive: true }));

function model(): tf.LayersModel {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 4, inputShape: [3], activation: 'relu', name: 'hidden' }),
      tf.layers.dense({ units: 1, name: 'out' }),
    ],
  });
  model.compile({ optimizer: tf.train.adam(0.01, 0.8, 0.95, 1e-7), loss: 'meanSquaredError' });
  return model;
}

interface SavedModel {
  trainingConfig: { optimizer_config: object };
  weightsManifest: { paths: string[]; weights: { name: string }[] }[];
}

describe('file:// URLs', () => {
  it('save a model in the layout of tfjs-node and load it with the same outputs', async () => {
    const original = model();
    original.setUserDefinedMetadata({ note: 'kept' });
    const path = join(folder, 'new', 'folder');
    const { modelArtifactsInfo } = await original.save(`file://${path}`);
    expect((await readdir(path)).sort()).toEqual(['model.json', 'weights.bin']);
    expect(modelArtifactsInfo.weightDataBytes).toBe((3 * 4 + 4 + 4 + 1) * 4);

    const x = tf.ones([2, 3]);
    const expected = (original.predict(x) as tf.Tensor).dataSync();
    for (const url of [`file://${path}/model.json`, `file://${path}`]) {
      const loaded = await tf.loadLayersModel(url);
      expect((loaded.predict(x) as tf.Tensor).dataSync()).toEqual(expected);
      expect(loaded.getUserDefinedMetadata()).toEqual({ note: 'kept' });
    }
  });

  it('keep the optimizer with its settings and its state', async () => {
    const original = model();
    await original.fit(tf.ones([4, 3]), tf.ones([4, 1]), { epochs: 2, verbose: 0 });
    await original.save(`file://${folder}`, { includeOptimizer: true });
    const saved = JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')) as SavedModel;
    expect(saved.trainingConfig.optimizer_config).toMatchObject({
      class_name: 'Adam',
      config: { learningRate: 0.01, beta1: 0.8, beta2: 0.95, epsilon: 1e-7 },
    });

    const loaded = await tf.loadLayersModel(`file://${folder}`);
    expect(loaded.optimizer.getConfig()).toEqual(original.optimizer.getConfig());
    const weights = async (of: tf.LayersModel) =>
      (await of.optimizer.getWeights()).map(({ name, tensor }) => [name, Array.from(tensor.dataSync())]);
    expect(await weights(loaded)).toEqual(await weights(original));
  });

  it('load weights that lie in several files', async () => {
    await model().save(`file://${folder}`);
    const path = join(folder, 'model.json');
    const saved = JSON.parse(await readFile(path, 'utf8')) as SavedModel;
    const bytes = await readFile(join(folder, 'weights.bin'));
    await writeFile(join(folder, 'a.bin'), bytes.subarray(0, 10));
    await writeFile(join(folder, 'b.bin'), bytes.subarray(10));
    saved.weightsManifest[0]!.paths = ['a.bin', 'b.bin'];
    await writeFile(path, JSON.stringify(saved));
    expect((await tf.loadLayersModel(`file://${folder}`)).countParams()).toBe(21);
  });

  it('name what is missing or broken', async () => {
    await expect(tf.loadLayersModel(`file://${folder}/none.json`)).rejects.toThrow(/none.json: the file of the model/);
    await model().save(`file://${folder}`);
    await rm(join(folder, 'weights.bin'));
    await expect(tf.loadLayersModel(`file://${folder}`)).rejects.toThrow(/weights.bin: the file of the weights/);
    await writeFile(join(folder, 'model.json'), '{');
    await expect(tf.loadLayersModel(`file://${folder}`)).rejects.toThrow(/model.json is not valid JSON/);
    await expect(model().save(`file://${folder}/model.json`)).rejects.toThrow(
      /expected a folder to save a model to, got a file/,
    );
  });

  it('have one handler, also when registered twice, and leave other URLs and other handlers alone', () => {
    registerFileHandlers();
    expect(tf.io.getSaveHandlers('file:///x')).toHaveLength(1);
    expect(tf.io.getLoadHandlers('file:///x')).toHaveLength(1);
    expect(tf.io.getSaveHandlers('elsewhere://x')).toHaveLength(0);

    const other = { save: () => Promise.reject(new Error('other')) };
    tf.io.registerSaveRouter((url) => (String(url).startsWith('file://special') ? other : (null as never)));
    expect(tf.io.getSaveHandlers('file://special')).toEqual([other]);
    expect(tf.io.getSaveHandlers('file:///x')).toHaveLength(1);
  });
});
