import { describeUnless, temporaryFolderForEach } from '@scmoe/testing';
import { bytesToSettle, findAddon, transposedOver, useBackend } from '@scmoe/tensor';
import { jest } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import { loadPretrained, savePretrained } from '../huggingFace/files.js';
import { WeightSettler } from './WeightSettler.js';

const folder = temporaryFolderForEach();

/** Calls until weights begin to move. */
function stepsUntilMoved(settler: WeightSettler, most: number): number {
  for (let step = 0; step < most; step++) if (settler.beforeStep()) return step;
  return most;
}

describeUnless(findAddon().problem, 'WeightSettler', () => {
  beforeAll(() => useBackend('scmoe', { threads: 1 }));
  afterEach(() => jest.restoreAllMocks());

  const weights = () => [transposedOver([new Float32Array(64)], [8, 8]), tf.ones([8]), tf.ones([8, 8])];

  it('moves what lies in files once some tokens have been written, and nothing afterwards', () => {
    const parameters = weights();
    const settler = new WeightSettler(() => parameters);
    expect(stepsUntilMoved(settler, 100)).toBe(16);
    expect(parameters.map(bytesToSettle)).toEqual([0, 0, 0]);
    expect(stepsUntilMoved(settler, 20)).toBe(20);
  });

  it('moves nothing where less than twice its bytes are free', () => {
    jest.spyOn(process, 'availableMemory').mockReturnValue(511);
    const parameters = weights();
    expect(stepsUntilMoved(new WeightSettler(() => parameters), 40)).toBe(40);
    expect(parameters.map(bytesToSettle)).toEqual([256, 0, 0]);
  });

  it('a model writes the same from a folder before its weights move, while they do and afterwards', async () => {
    const moe = { kind: 'top2', numExperts: 4, normalizeWeights: true } as const;
    const sizes = { vocabSize: 40, numLayers: 2, dModel: 32, numHeads: 2, sequenceLength: 64 };
    const parts = { norm: 'rms', activation: 'swiglu', positionEncoding: 'rotary', attentionBias: false } as const;
    const made = new Gpt({ ...sizes, ...parts, tiedEmbeddings: false, placement: 'every', moe }, { seed: 3 });
    await savePretrained(made, folder.path, { modelType: 'mixtral' });
    made.dispose();
    const options = { maxNewTokens: 40, temperature: 0, logProbabilities: 1 };
    const kept = jest.spyOn(process, 'availableMemory').mockReturnValue(0);
    const still = await loadPretrained<Gpt>(folder.path);
    const expected = await still.generate([3, 1, 4, 1, 5], options);
    const lying = (model: Gpt) => Object.values(model.variables).filter((variable) => bytesToSettle(variable) > 0);
    expect(lying(still).length).toBeGreaterThan(0);
    kept.mockRestore();
    const moving = await loadPretrained<Gpt>(folder.path);
    expect(await moving.generate([3, 1, 4, 1, 5], options)).toEqual(expected);
    expect(lying(moving)).toEqual([]);
    expect(await moving.generate([3, 1, 4, 1, 5], options)).toEqual(expected);
    still.dispose();
    moving.dispose();
  });
});
