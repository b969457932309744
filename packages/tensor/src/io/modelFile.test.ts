import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { useBackend } from '../index.js';
import { Draw } from '../testing/fuzz/Draw.js';
import { mutateJson } from '../testing/fuzz/mutateJson.js';

/** The nightly run tries more of them. */
const mutations = Number(process.env['SCMOE_MUTATIONS'] ?? 300);
const seed = 7;

interface ModelFile {
  modelTopology: Record<string, unknown>;
  weightsManifest: { paths: unknown[]; weights: Record<string, unknown>[] }[];
  [field: string]: unknown;
}

let folder: string;
let url: string;
let file: string;
let saved: ModelFile;

beforeAll(async () => {
  await useBackend('auto', { threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'model-'));
  url = `file://${folder}`;
  file = join(folder, 'model.json');
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({ filters: 2, kernelSize: 3, inputShape: [6, 6, 1], activation: 'relu', name: 'seen' }),
      tf.layers.batchNormalization({ name: 'normal' }),
      tf.layers.flatten({ name: 'flat' }),
      tf.layers.dense({ units: 3, kernelRegularizer: tf.regularizers.l2(), name: 'out' }),
    ],
  });
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
  await model.save(url, { includeOptimizer: true });
  saved = JSON.parse(await readFile(file, 'utf8')) as ModelFile;
});
afterAll(() => rm(folder, { recursive: true }));

/** Loads the model with its JSON changed. */
async function loadChanged(change: (model: ModelFile) => unknown): Promise<tf.LayersModel> {
  const model = structuredClone(saved);
  const changed = change(model);
  await writeFile(file, JSON.stringify(changed ?? model));
  return tf.loadLayersModel(url);
}

describe('the JSON of a model', () => {
  it('is taken with a byte-order mark', async () => {
    await writeFile(file, `\uFEFF${JSON.stringify(saved)}`);
    expect((await tf.loadLayersModel(url)).countParams()).toBe(127);
  });

  it('names files in its own folder only', async () => {
    for (const path of ['../weights.bin', '/etc/hostname', 'a/../../weights.bin', 'C:\\weights.bin', '', 7, null])
      await expect(loadChanged((model) => void (model.weightsManifest[0]!.paths = [path]))).rejects.toThrow(
        `${file}: weightsManifest[0].paths[0]: expected the name of a file in the folder of the model, got ${JSON.stringify(path)}`,
      );
  });

  it('says how many bytes of weights there are, before they are read', async () => {
    await expect(
      loadChanged((model) => void (model.weightsManifest[0]!.weights[0]!['shape'] = [1, 1, 1, 1])),
    ).rejects.toThrow(
      /model\.json: weightsManifest: expected files of \d+ bytes for its shapes, got \d+: .*weights\.bin/,
    );
    await expect(
      loadChanged((model) => void (model.weightsManifest[0]!.weights[0]!['shape'] = [2 ** 40, 2 ** 13])),
    ).rejects.toThrow(/weights\[0\]\.shape: expected a tensor that fits into memory/);
  });

  it.each([
    ['name', '__proto__', 'a name, got "__proto__"'],
    ['shape', [3, -1], 'an array of sizes, got [3,-1]'],
    ['shape', '3', 'an array of sizes, got "3"'],
    ['dtype', 'toString', 'one of float32, int32, bool, complex64, string, got "toString"'],
    ['quantization', { dtype: 'uint7' }, ''],
    ['quantization', { dtype: 'uint8', scale: '1', min: 0 }, ''],
  ])('is refused where the %s of a weight is %j', async (field, value, message) => {
    const load = loadChanged((model) => void (model.weightsManifest[0]!.weights[1]![field] = value));
    await expect(load).rejects.toThrow(
      `${file}: weightsManifest[0].weights[1].${field}${message && `: expected ${message}`}`,
    );
  });

  it('is refused where TF.js can make no model of it, naming the file', async () => {
    for (const change of [
      (model: ModelFile) => delete model.modelTopology['config'],
      (model: ModelFile) => (model.modelTopology['class_name'] = 'Nothing'),
      (model: ModelFile) => (model.modelTopology['keras_version'] = model.modelTopology = {}),
    ]) {
      const load = loadChanged((model) => void change(model));
      await expect(load).rejects.toThrow(`${file}: modelTopology: TF.js can't make a model of it: `);
    }
  });

  it('asks for no layer that is wider than all weights together', async () => {
    const text = JSON.stringify(saved);
    for (const [field, wide] of [
      ['units', text.replace('"units":3', '"units":1000000000')],
      ['filters', text.replace('"filters":2', '"filters":9007199254740992')],
    ] as const) {
      expect(wide).not.toBe(text);
      const load = loadChanged(() => JSON.parse(wide) as unknown);
      await expect(load).rejects.toThrow(
        new RegExp(`model.json: modelTopology.*\\.${field}: expected at most the \\d+ elements`),
      );
    }
  });

  it('leaves weights that no layer has to those who ask for it', async () => {
    await loadChanged((model) => {
      const weights = model.weightsManifest[0]!.weights;
      weights[0]!['name'] = 'other/kernel';
    }).catch((error: Error) => expect(error.message).toMatch(/not found|no target/));
    expect((await tf.loadLayersModel(url, { strict: false })).countParams()).toBe(127);
  });

  it(`loads or names its file in an error of ours, ${mutations} times changed at random (seed ${seed})`, async () => {
    const bad: string[] = [];
    let loaded = 0;
    for (let number = 0; number < mutations; number++) {
      const text = mutateJson(saved, new Draw(seed, number));
      await writeFile(file, text);
      try {
        (await tf.loadLayersModel(url)).dispose();
        loaded++;
      } catch (error) {
        if (error instanceof ScmoeError && error.message.includes(file)) continue;
        bad.push(`${number}: ${String(error)}`);
      }
    }
    expect(bad).toEqual([]);
    // Both kinds have to be common for this to mean something.
    expect(loaded / mutations).toBeGreaterThan(0.1);
    expect(loaded / mutations).toBeLessThan(0.9);
  });
});
