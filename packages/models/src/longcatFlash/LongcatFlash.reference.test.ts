import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { readSafetensors, toTensor, valueAndGrads } from '@scmoe/tensor';
import { availableBackends, referenceCheckpoint, relativeError, temporaryFolder } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { longcatFlash } from '../huggingFace/architectures/longcatFlash.js';
import { exportTensors } from '../huggingFace/tensors/exportTensors.js';
import { linkTensors } from '../huggingFace/tensors/linkTensors.js';
import type { LongcatFlash } from './LongcatFlash.js';
import { loadPretrainedLongcatFlash, savePretrainedLongcatFlash } from '../huggingFace/pretrainedLongcatFlash.js';

/**
 * In units of a tensor's largest magnitude. The reference casts to float32 inside, whatever it is computed in, and sums
 * in another order.
 */
const tolerance = 1e-4;

describe.each(availableBackends())('LongCat-Flash as transformers computes it, on %s', (backend) => {
  const folder = temporaryFolder();
  const path = referenceCheckpoint('longcat_flash');
  let reference: Record<string, tf.Tensor>;
  let model: LongcatFlash;
  const expectClose = (what: string, actual: tf.Tensor) => {
    const expected = reference[`output.${what}`]!;
    const error = relativeError(actual.reshape(expected.shape), expected);
    expect([what, error <= tolerance]).toEqual([what, true]);
  };

  beforeAll(async () => {
    await tf.setBackend(backend);
    const { tensors } = await readSafetensors(join(path, 'reference.safetensors'));
    reference = Object.fromEntries(Object.entries(tensors).map(([key, tensor]) => [key, toTensor(tensor)]));
    model = await loadPretrainedLongcatFlash(path);
  });
  afterAll(() => {
    model.dispose();
    tf.dispose(reference);
  });

  /** The loss of the reference: all tokens routed, all but the last of each row scored. */
  const batch = () => {
    const ids = reference['input.ids'] as tf.Tensor2D;
    const next = tf.slice(ids, [0, 1], [-1, -1]);
    const targets: tf.Tensor2D = tf.concat([next, tf.fill([ids.shape[0], 1], -100, 'int32')], 1);
    return { ids, targets };
  };

  it('gives the hidden states, logits and losses', () => {
    tf.tidy(() => {
      const { logits, hiddenStates } = model.forward(batch().ids, { keepHiddenStates: true });
      expectClose('logits', logits);
      expect(hiddenStates).toHaveLength(2);
      hiddenStates!.forEach((state, layer) => expectClose(`layer${layer}`, state));
      const { crossEntropy, loss } = model.loss(batch());
      expectClose('crossEntropy', crossEntropy);
      expectClose('loss', loss);
    });
  });

  it('chooses the experts, with their weights', () => {
    tf.tidy(() => {
      const { routings } = model.forward(batch().ids);
      routings.forEach(({ experts, weights }, layer) => {
        expect(experts.arraySync()).toEqual(reference[`output.moe${layer}.experts`]!.arraySync());
        expectClose(`moe${layer}.weights`, weights);
      });
    });
  });

  it('goes on with the same tokens', async () => {
    const rows = (await (reference['input.ids'] as tf.Tensor2D).array()).map((row) => row.slice(0, 4));
    const greedy = await Promise.all(rows.map((row) => model.generate(row, { maxNewTokens: 6, temperature: 0 })));
    expect(greedy).toEqual(await reference['output.greedy']!.array());
  });

  it("gives the gradients, under the checkpoint's names", async () => {
    const { value, grads } = tf.tidy(() => {
      const { ids, targets } = batch();
      return valueAndGrads(() => model.loss({ ids, targets }).loss, model.variables);
    });
    const { tensors: expected } = await readSafetensors(join(path, 'gradients.safetensors'));
    const links = linkTensors(longcatFlash.rules(model.config), longcatFlash.specs(model.config, {}));
    const trained = links.filter(({ ours }) => ours.every(({ name }) => name in grads));
    const actual = exportTensors(trained, grads);
    for (const [key, { dtype, data, shape }] of Object.entries(actual)) {
      const [found, wanted] = [toTensor({ dtype, shape, data: await data() }), toTensor(expected[key]!)];
      expect([key, relativeError(found, wanted) <= tolerance]).toEqual([key, true]);
      tf.dispose([found, wanted]);
    }
    // The others are those of experts that compute nothing: zero.
    const others = Object.entries(expected).filter(([key]) => !(key in actual));
    expect(others).toHaveLength(2 * 2 * 2);
    for (const [key, tensor] of others) {
      expect(key).toMatch(/experts\.[67]\.(gate|up)_proj/);
      expect(Array.from(tensor.data as Float32Array).every((value) => value === 0)).toBe(true);
    }
    tf.dispose([value, grads]);
  });

  it('is saved as it was, and read back', async () => {
    await savePretrainedLongcatFlash(model, folder.path);
    const [saved, original] = await Promise.all(
      [folder.path, path].map((at) => readSafetensors(join(at, 'model.safetensors'))),
    );
    expect(Object.keys(saved!.tensors).sort()).toEqual(Object.keys(original!.tensors).sort());
    for (const [key, { shape, data }] of Object.entries(saved!.tensors)) {
      expect([key, shape]).toEqual([key, original!.tensors[key]!.shape]);
      if (!/experts\.[67]\./.test(key)) expect([key, data]).toEqual([key, original!.tensors[key]!.data]);
    }
    const config = (at: string) => JSON.parse(readFileSync(join(at, 'config.json'), 'utf8')) as Record<string, unknown>;
    const { bos_token_id: _, rope_theta: legacy, ...written } = config(folder.path);
    expect(config(path)).toMatchObject(written);
    expect(legacy).toBe(10000);
    const again = await loadPretrainedLongcatFlash(folder.path);
    expect(again.config).toEqual(model.config);
    again.dispose();
  });

  it('has a share of the experts on each of two ranks', async () => {
    for (const rank of [0, 1]) {
      const shard = await loadPretrainedLongcatFlash(path, { experts: { rank, size: 2 } });
      const whole = model.variables['block1.experts.down']!;
      const expected = tf.slice(whole, 3 * rank, 3);
      expect(shard.variables['block1.experts.down']!.dataSync()).toEqual(expected.dataSync());
      expect(shard.numParameters()).toBe(model.numParameters());
      expected.dispose();
      shard.dispose();
    }
  });
});
