import { valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { type Reference, availableBackends, readReference, relativeError } from '@scmoe/testing';
import { Gpt } from './Gpt.js';

/**
 * Largest allowed difference in units of a tensor's largest magnitude. The reference is float64 rounded once; PyTorch in
 * plain float32 is within 1e-6 (outputs) and 4e-6 (gradients) of it, and another order of the same sums can be a few
 * times worse.
 */
const tolerance = { outputs: 1e-5, gradients: 5e-5 };

function modelOf({ tensors, config }: Reference): Gpt {
  const sizeOf = (name: string, axis: number) => tensors[`param.${name}`]!.shape[axis]!;
  return new Gpt(
    {
      vocabSize: sizeOf('embedding', 0),
      dModel: sizeOf('embedding', 1),
      sequenceLength: sizeOf('positions', 0),
      numLayers: 4,
      numHeads: config.numHeads,
      ffnHidden: sizeOf('block0.mlp.w1', 1),
      activation: 'gelu_tanh',
      moe: {
        kind: 'scmoe',
        firstPosition: 'pos1',
        position: 'pos2',
        numExperts: config.numExperts,
        expertHidden: sizeOf('block0.experts.w1', 2),
        sharedHidden: sizeOf('block0.shared.w1', 1),
        loadBalanceCoefficient: config.auxLossCoefficient,
      },
    },
    { seed: 0 },
  );
}

describe.each(availableBackends())('Gpt against the reference values on %s', (backend) => {
  let reference: Reference;
  let model: Gpt;
  let batch: { ids: tf.Tensor2D; targets: tf.Tensor2D };

  beforeAll(async () => {
    await tf.setBackend(backend);
    reference = readReference('model-gpt-scmoe');
    model = modelOf(reference);
    batch = {
      ids: reference.tensors['buffer.ids'] as tf.Tensor2D,
      targets: reference.tensors['buffer.targets'] as tf.Tensor2D,
    };
    for (const [name, variable] of Object.entries(model.variables)) {
      variable.assign(reference.tensors[`param.${name}`]!);
    }
  });
  afterAll(() => {
    model.dispose();
    tf.dispose(reference.tensors);
  });

  it('has the same parameters', () => {
    const expected = Object.keys(reference.tensors).filter((name) => name.startsWith('param.'));
    const names = Object.keys(model.variables).map((name) => `param.${name}`);
    expect(names.sort()).toEqual(expected.sort());
  });

  it('gives the logits and losses', () => {
    tf.tidy(() => {
      const { logits, loadBalance } = model.forward(batch.ids);
      const { loss, crossEntropy } = model.loss(batch);
      for (const [name, actual] of Object.entries({ logits, loadBalance, loss, crossEntropy })) {
        const error = relativeError(actual, reference.tensors[`output.${name}`]!);
        expect([name, error <= tolerance.outputs]).toEqual([name, true]);
      }
    });
  });

  it('gives the gradient of every parameter', () => {
    tf.tidy(() => {
      const { grads } = valueAndGrads(() => model.loss(batch).loss, model.variables);
      const expected = (name: string) => reference.tensors[`grad.param.${name}`]!;
      const sizes = Object.keys(grads).map((name) => tf.max(tf.abs(expected(name))).dataSync()[0]!);
      const largest = Math.max(...sizes);
      for (const [name, gradient] of Object.entries(grads)) {
        // The gradient of a key bias is zero in exact arithmetic: compared in units of the largest gradient.
        const scale = name.endsWith('.bk') ? largest : undefined;
        const error = relativeError(gradient, expected(name), scale);
        expect([name, error <= tolerance.gradients]).toEqual([name, true]);
      }
    });
  });
});
