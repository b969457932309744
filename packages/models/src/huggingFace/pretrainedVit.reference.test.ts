import { availableBackends, referenceCheckpoint, temporaryFolder } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { CheckpointReference, configIn, weightsIn } from '../testing/CheckpointReference.js';
import { Vit } from '../vit/Vit.js';
import { vit } from './architectures/vit.js';
import { loadPretrained, savePretrained } from './pretrained.js';
import { linkTensors } from './tensors/linkTensors.js';

describe.each(availableBackends())('a ViT of transformers on %s', (backend) => {
  const folder = temporaryFolder();
  const path = referenceCheckpoint('vit');
  let reference: CheckpointReference;
  let model: Vit;
  let batch: { pixels: tf.Tensor4D; labels: tf.Tensor1D };

  beforeAll(async () => {
    await tf.setBackend(backend);
    reference = await CheckpointReference.read(path);
    batch = {
      pixels: tf.transpose(reference.tensors['input.pixels'] as tf.Tensor4D, [0, 2, 3, 1]),
      labels: reference.tensors['input.labels'] as tf.Tensor1D,
    };
    model = await loadPretrained(path, { as: Vit });
  });
  afterAll(() => {
    model.dispose();
    reference.dispose();
    batch.pixels.dispose();
  });

  it('gives the hidden states, logits and loss', () => {
    tf.tidy(() => {
      const { logits, hiddenStates } = model.forward(batch.pixels, { keepHiddenStates: true });
      expect(hiddenStates).toHaveLength(2);
      hiddenStates!.forEach((state, layer) => reference.expectClose(`layer${layer}`, state));
      reference.expectClose('logits', logits);
      reference.expectClose('loss', model.loss(batch).loss);
    });
  });

  it("gives the gradients, under the checkpoint's names", async () => {
    const links = linkTensors(vit.rules(model.config), vit.specs(model.config, {}));
    const loss = () => model.loss(batch).loss;
    const { variables } = model;
    expect(await reference.expectGradients({ variables, loss }, links, { zero: /key\.bias$/ })).toEqual({});
  });

  it('is saved as it was, bit for bit', async () => {
    await savePretrained(model, folder.path);
    expect(weightsIn(folder.path).equals(weightsIn(path))).toBe(true);
    // What only other models read, and what says how it was drawn, is left to transformers' defaults.
    const left = ['transformers_version', 'pooler_act', 'pooler_output_size', 'encoder_stride', 'initializer_range'];
    const rest = Object.entries(configIn(path)).filter(([key]) => !left.includes(key));
    expect(configIn(folder.path)).toEqual(Object.fromEntries(rest));
    const again = await loadPretrained(folder.path, { as: Vit });
    expect(again.config).toEqual(model.config);
    again.dispose();
  });

  it('leaves nothing but its variables', async () => {
    const before = tf.memory().numTensors;
    const another = await loadPretrained(path, { as: Vit });
    expect(tf.memory().numTensors - before).toBe(Object.keys(another.variables).length);
    await savePretrained(another, folder.path);
    expect(tf.memory().numTensors - before).toBe(Object.keys(another.variables).length);
    another.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
