import { availableBackends, referenceCheckpoint, temporaryFolder, unreadCheckpoints } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import { CheckpointReference, configIn, weightsIn } from '../testing/CheckpointReference.js';
import { upcycle } from '../upcycle/upcycle.js';
import { gpt2 } from './architectures/gpt2.js';
import { mixtral } from './architectures/mixtral.js';
import { qwen2Moe } from './architectures/qwen2Moe.js';
import { loadPretrained, savePretrained } from './pretrained.js';
import { PretrainedError } from './PretrainedError.js';
import { linkTensors } from './tensors/linkTensors.js';

const checkpoints = [
  { path: referenceCheckpoint('gpt2'), family: gpt2 },
  { path: referenceCheckpoint('mixtral'), family: mixtral },
  { path: referenceCheckpoint('qwen2_moe'), family: qwen2Moe },
];
const cases = availableBackends().flatMap((backend) => checkpoints.map((checkpoint) => ({ backend, ...checkpoint })));

describe.each(cases)('$family.modelType on $backend', ({ backend, path, family }) => {
  const folder = temporaryFolder();
  let reference: CheckpointReference;
  let model: Gpt;

  beforeAll(async () => {
    await tf.setBackend(backend);
    reference = await CheckpointReference.read(path);
    model = await loadPretrained(path, { as: Gpt });
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
      hiddenStates!.forEach((state, layer) => reference.expectClose(`layer${layer}`, state));
      const { crossEntropy, loadBalance, loss } = model.loss(batch);
      reference.expectClose('crossEntropy', crossEntropy);
      reference.expectClose('loss', loss);
      if (reference.tensors['output.auxLoss']) reference.expectClose('auxLoss', loadBalance);
      else expect(loadBalance.dataSync()[0]).toBe(0);
    });
  });

  it('chooses the experts, with their weights', () => {
    tf.tidy(() => {
      const { routings } = model.forward(reference.textBatch().ids);
      const layers = Object.keys(reference.tensors).filter((key) => /^output.moe\d+.experts$/.test(key));
      expect(routings).toHaveLength(layers.length);
      routings.forEach(({ experts, weights }, layer) => {
        expect(experts.arraySync()).toEqual(reference.tensors[`output.moe${layer}.experts`]!.arraySync());
        reference.expectClose(`moe${layer}.weights`, weights);
      });
    });
  });

  it('goes on with the same tokens', () => reference.expectGreedy(model));

  it("gives the gradients, under the checkpoint's names", async () => {
    const links = linkTensors(family.rules(model.config), family.specs(model.config, {}));
    const loss = () => model.loss(reference.textBatch()).loss;
    const { variables } = model;
    const others = await reference.expectGradients({ variables, loss }, links, { zero: /c_attn\.bias$/ });
    expect(others).toEqual({});
  });

  if (family === gpt2) {
    it.each([
      ['every', { kind: 'top2', numExperts: 4 }],
      ['every', { kind: 'scmoe', numExperts: 4 }],
      ['pairs', { kind: 'shared', numExperts: 4, mix: 'cg2' }],
    ] as const)('can be upcycled at the same loss, placement %s, %j', (placement, moe) => {
      const upcycled = upcycle(model, moe, { seed: 1, placement });
      tf.tidy(() => reference.expectClose('crossEntropy', upcycled.loss(reference.textBatch()).crossEntropy));
      tf.tidy(() => reference.expectClose('logits', upcycled.forward(reference.textBatch().ids).logits));
      upcycled.dispose();
    });
  }

  it('is saved as it was, bit for bit', async () => {
    await savePretrained(model, folder.path);
    expect(weightsIn(folder.path).equals(weightsIn(path))).toBe(true);
    const [saved, original] = [configIn(folder.path), configIn(path)];
    expect([saved['model_type'], saved['architectures']]).toEqual([original['model_type'], original['architectures']]);
    const again = await loadPretrained(folder.path, { as: Gpt });
    expect(again.config).toEqual(model.config);
    again.dispose();
  });

  it('is the same in shards', async () => {
    await savePretrained(model, folder.path, { maxShardBytes: 5000 });
    const again = await loadPretrained(folder.path, { as: Gpt });
    for (const [key, variable] of Object.entries(model.variables)) {
      expect([key, again.variables[key]!.dataSync()]).toEqual([key, variable.dataSync()]);
    }
    again.dispose();
  });

  it('leaves nothing but its variables', async () => {
    const before = tf.memory().numTensors;
    const another = await loadPretrained(path, { as: Gpt });
    expect(tf.memory().numTensors - before).toBe(Object.keys(another.variables).length);
    await savePretrained(another, folder.path, { maxShardBytes: 5000 });
    expect(tf.memory().numTensors - before).toBe(Object.keys(another.variables).length);
    another.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('loadPretrained', () => {
  it.each(Object.keys(unreadCheckpoints()))(
    'refuses %s, of a family without a loader, by its model type',
    async (name) => {
      const [type] = name.split('-');
      const error: unknown = await loadPretrained(referenceCheckpoint(name)).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(PretrainedError);
      expect((error as Error).message).toMatch(
        new RegExp(`${name}/config\\.json: model_type: expected one of gpt2, .*, got "${type}"$`),
      );
    },
  );
});
