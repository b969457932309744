import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { readSafetensors, toTensor, valueAndGrads } from '@scmoe/tensor';
import { availableBackends, referenceCheckpoint, relativeError, temporaryFolder } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import type { Vit } from '../vit/Vit.js';
import { vit } from './architectures/vit.js';
import { loadPretrainedVit, savePretrainedVit } from './pretrainedVit.js';
import { exportTensors } from './tensors/exportTensors.js';
import { linkTensors } from './tensors/linkTensors.js';

/** In units of a tensor's largest magnitude. The reference is float64 rounded once, ours float32 through two blocks. */
const tolerance = 1e-4;

describe.each(availableBackends())('a ViT of transformers on %s', (backend) => {
  const folder = temporaryFolder();
  const path = referenceCheckpoint('vit');
  let reference: Record<string, tf.Tensor>;
  let model: Vit;
  let batch: { pixels: tf.Tensor4D; labels: tf.Tensor1D };
  const expectClose = (what: string, actual: tf.Tensor) => {
    const error = relativeError(actual, reference[`output.${what}`]!);
    expect([what, error <= tolerance]).toEqual([what, true]);
  };

  beforeAll(async () => {
    await tf.setBackend(backend);
    const { tensors } = await readSafetensors(join(path, 'reference.safetensors'));
    reference = Object.fromEntries(Object.entries(tensors).map(([key, tensor]) => [key, toTensor(tensor)]));
    batch = {
      pixels: tf.transpose(reference['input.pixels'] as tf.Tensor4D, [0, 2, 3, 1]),
      labels: reference['input.labels'] as tf.Tensor1D,
    };
    model = await loadPretrainedVit(path);
  });
  afterAll(() => {
    model.dispose();
    tf.dispose([reference, batch.pixels]);
  });

  it('gives the hidden states, logits and loss', () => {
    tf.tidy(() => {
      const { logits, hiddenStates } = model.forward(batch.pixels, { keepHiddenStates: true });
      expect(hiddenStates).toHaveLength(2);
      hiddenStates!.forEach((state, layer) => expectClose(`layer${layer}`, state));
      expectClose('logits', logits);
      expectClose('loss', model.loss(batch).loss);
    });
  });

  it("gives the gradients, under the checkpoint's names", async () => {
    const { value, grads } = valueAndGrads(() => model.loss(batch).loss, model.variables);
    const { tensors: expected } = await readSafetensors(join(path, 'gradients.safetensors'));
    const links = linkTensors(vit.rules(model.config), vit.specs(model.config, {}));
    const actual = exportTensors(links, grads);
    expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
    const sizes = Object.values(expected).map((tensor) =>
      tf.tidy(() => tf.max(tf.abs(toTensor(tensor))).dataSync()[0]!),
    );
    const largest = Math.max(...sizes);
    for (const [key, { dtype, data, shape }] of Object.entries(actual)) {
      const [found, wanted] = [toTensor({ dtype, shape, data: await data() }), toTensor(expected[key]!)];
      // The gradient of a key bias without rotation is zero in exact arithmetic: in units of the largest gradient.
      const error = relativeError(found, wanted, key.endsWith('key.bias') ? largest : undefined);
      expect([key, error <= tolerance]).toEqual([key, true]);
      tf.dispose([found, wanted]);
    }
    tf.dispose([value, grads]);
  });

  it('is saved as it was, bit for bit', async () => {
    await savePretrainedVit(model, folder.path);
    const file = (at: string) => readFileSync(join(at, 'model.safetensors'));
    expect(file(folder.path).equals(file(path))).toBe(true);
    const config = (at: string) => JSON.parse(readFileSync(join(at, 'config.json'), 'utf8')) as Record<string, unknown>;
    // What only other models read, and what says how it was drawn, is left to transformers' defaults.
    const left = ['transformers_version', 'pooler_act', 'pooler_output_size', 'encoder_stride', 'initializer_range'];
    const rest = Object.entries(config(path)).filter(([key]) => !left.includes(key));
    expect(config(folder.path)).toEqual(Object.fromEntries(rest));
    const again = await loadPretrainedVit(folder.path);
    expect(again.config).toEqual(model.config);
    again.dispose();
  });

  it('leaves nothing but its variables', async () => {
    const before = tf.memory().numTensors;
    const another = await loadPretrainedVit(path);
    expect(tf.memory().numTensors - before).toBe(Object.keys(another.variables).length);
    await savePretrainedVit(another, folder.path);
    expect(tf.memory().numTensors - before).toBe(Object.keys(another.variables).length);
    another.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
