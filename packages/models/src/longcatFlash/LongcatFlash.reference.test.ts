import { join } from 'node:path';

import { readSafetensors } from '@scmoe/tensor';
import { availableBackends, referenceCheckpoint, temporaryFolder } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { longcatFlash } from '../huggingFace/architectures/longcatFlash.js';
import { loadPretrained, savePretrained } from '../huggingFace/pretrained.js';
import { linkTensors } from '../huggingFace/tensors/linkTensors.js';
import { CheckpointReference, configIn } from '../testing/CheckpointReference.js';
import { LongcatFlash } from './LongcatFlash.js';

describe.each(availableBackends())('LongCat-Flash as transformers computes it, on %s', (backend) => {
  const folder = temporaryFolder();
  const path = referenceCheckpoint('longcat_flash');
  let reference: CheckpointReference;
  let model: LongcatFlash;

  beforeAll(async () => {
    await tf.setBackend(backend);
    reference = await CheckpointReference.read(path);
    model = await loadPretrained(path, { as: LongcatFlash });
  });
  afterAll(() => {
    model.dispose();
    reference.dispose();
  });

  it('gives the hidden states, logits and losses', () => {
    tf.tidy(() => {
      const batch = reference.textBatch();
      const { logits, hiddenStates } = model.forward(batch.ids, { keepHiddenStates: true });
      reference.expectClose('logits', logits);
      expect(hiddenStates).toHaveLength(2);
      hiddenStates!.forEach((state, layer) => reference.expectClose(`layer${layer}`, state));
      const { crossEntropy, loss } = model.loss(batch);
      reference.expectClose('crossEntropy', crossEntropy);
      reference.expectClose('loss', loss);
    });
  });

  it('chooses the experts, with their weights', () => {
    tf.tidy(() => {
      const { routings } = model.forward(reference.textBatch().ids);
      expect(routings).toHaveLength(2);
      routings.forEach(({ experts, weights }, layer) => {
        expect(experts.arraySync()).toEqual(reference.tensors[`output.moe${layer}.experts`]!.arraySync());
        reference.expectClose(`moe${layer}.weights`, weights);
      });
    });
  });

  it('goes on with the same tokens', () => reference.expectGreedy(model));

  it("gives the gradients, under the checkpoint's names", async () => {
    const links = linkTensors(longcatFlash.rules(model.config), longcatFlash.specs(model.config, {}));
    const loss = () => model.loss(reference.textBatch()).loss;
    const others = Object.entries(await reference.expectGradients({ variables: model.variables, loss }, links));
    // The others are those of experts that compute nothing: zero.
    expect(others).toHaveLength(2 * 2 * 2);
    for (const [key, gradient] of others) {
      expect(key).toMatch(/experts\.[67]\.(gate|up)_proj/);
      expect(gradient.every((value) => value === 0)).toBe(true);
    }
  });

  it('is saved as it was, and read back', async () => {
    await savePretrained(model, folder.path);
    const [saved, original] = await Promise.all(
      [folder.path, path].map((at) => readSafetensors(join(at, 'model.safetensors'))),
    );
    expect(Object.keys(saved!.tensors).sort()).toEqual(Object.keys(original!.tensors).sort());
    for (const [key, { shape, data }] of Object.entries(saved!.tensors)) {
      expect([key, shape]).toEqual([key, original!.tensors[key]!.shape]);
      if (!/experts\.[67]\./.test(key)) expect([key, data]).toEqual([key, original!.tensors[key]!.data]);
    }
    const { bos_token_id: _, rope_theta: legacy, ...written } = configIn(folder.path);
    expect(configIn(path)).toMatchObject(written);
    expect(legacy).toBe(10000);
    const again = await loadPretrained(folder.path, { as: LongcatFlash });
    expect(again.config).toEqual(model.config);
    again.dispose();
  });

  it('has a share of the experts on each of two ranks', async () => {
    for (const rank of [0, 1]) {
      const shard = await loadPretrained(path, { as: LongcatFlash, experts: { rank, size: 2 } });
      const whole = model.variables['block1.experts.down']!;
      const expected = tf.slice(whole, 3 * rank, 3);
      expect(shard.variables['block1.experts.down']!.dataSync()).toEqual(expected.dataSync());
      expect(shard.numParameters()).toBe(model.numParameters());
      expected.dispose();
      shard.dispose();
    }
  });
});
