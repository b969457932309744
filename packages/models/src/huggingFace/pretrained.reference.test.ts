import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { readSafetensors, toTensor, valueAndGrads } from '@scmoe/tensor';
import {
  availableBackends,
  referenceCheckpoint,
  relativeError,
  temporaryFolder,
  unreadCheckpoints,
} from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import type { Gpt } from '../gpt/Gpt.js';
import { upcycle } from '../upcycle/upcycle.js';
import { gpt2 } from './architectures/gpt2.js';
import { mixtral } from './architectures/mixtral.js';
import { qwen2Moe } from './architectures/qwen2Moe.js';
import { loadPretrained, savePretrained } from './pretrained.js';
import { PretrainedError } from './PretrainedError.js';
import { exportTensors } from './tensors/exportTensors.js';
import { linkTensors } from './tensors/linkTensors.js';

/**
 * In units of a tensor's largest magnitude. The references of the mixture-of-experts models are plain float32, whose
 * routers and norms transformers computes in another order of the same sums.
 */
const tolerance = 1e-4;

const checkpoints = [
  { path: referenceCheckpoint('gpt2'), family: gpt2 },
  { path: referenceCheckpoint('mixtral'), family: mixtral },
  { path: referenceCheckpoint('qwen2_moe'), family: qwen2Moe },
];
const cases = availableBackends().flatMap((backend) => checkpoints.map((checkpoint) => ({ backend, ...checkpoint })));

describe.each(cases)('$family.modelType on $backend', ({ backend, path, family }) => {
  const folder = temporaryFolder();
  let reference: Record<string, tf.Tensor>;
  let model: Gpt;
  const expectClose = (what: string, actual: tf.Tensor) => {
    const expected = reference[`output.${what}`]!;
    const error = relativeError(actual.reshape(expected.shape), expected);
    expect([what, error <= tolerance]).toEqual([what, true]);
  };

  beforeAll(async () => {
    await tf.setBackend(backend);
    const { tensors } = await readSafetensors(join(path, 'reference.safetensors'));
    reference = Object.fromEntries(Object.entries(tensors).map(([key, tensor]) => [key, toTensor(tensor)]));
    model = await loadPretrained(path);
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
      hiddenStates!.forEach((state, layer) => expectClose(`layer${layer}`, state));
      const { crossEntropy, loadBalance, loss } = model.loss(batch());
      expectClose('crossEntropy', crossEntropy);
      expectClose('loss', loss);
      if (reference['output.auxLoss']) expectClose('auxLoss', loadBalance);
      else expect(loadBalance.dataSync()[0]).toBe(0);
    });
  });

  it('chooses the experts, with their weights', () => {
    tf.tidy(() => {
      const { routings } = model.forward(batch().ids);
      const layers = Object.keys(reference).filter((key) => /^output.moe\d+.experts$/.test(key));
      expect(routings).toHaveLength(layers.length);
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
    const links = linkTensors(family.rules(model.config), family.specs(model.config, {}));
    const actual = exportTensors(links, grads);
    expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
    const sizes = Object.values(expected).map((tensor) =>
      tf.tidy(() => tf.max(tf.abs(toTensor(tensor))).dataSync()[0]!),
    );
    const largest = Math.max(...sizes);
    for (const [key, { dtype, data, shape }] of Object.entries(actual)) {
      const [found, wanted] = [toTensor({ dtype, shape, data: await data() }), toTensor(expected[key]!)];
      // The gradient of a key bias without rotation is zero in exact arithmetic: in units of the largest gradient.
      const scale = key.endsWith('c_attn.bias') ? largest : undefined;
      const error = relativeError(found, wanted, scale);
      expect([key, error <= tolerance]).toEqual([key, true]);
      tf.dispose([found, wanted]);
    }
    tf.dispose([value, grads]);
  });

  if (family === gpt2) {
    it.each([
      ['every', { kind: 'top2', numExperts: 4 }],
      ['every', { kind: 'scmoe', numExperts: 4 }],
      ['pairs', { kind: 'shared', numExperts: 4, mix: 'cg2' }],
    ] as const)('can be upcycled at the same loss, placement %s, %j', (placement, moe) => {
      const upcycled = upcycle(model, moe, { seed: 1, placement });
      tf.tidy(() => expectClose('crossEntropy', upcycled.loss(batch()).crossEntropy));
      tf.tidy(() => expectClose('logits', upcycled.forward(batch().ids).logits));
      upcycled.dispose();
    });
  }

  it('is saved as it was, bit for bit', async () => {
    await savePretrained(model, folder.path);
    const file = (at: string) => readFileSync(join(at, 'model.safetensors'));
    expect(file(folder.path).equals(file(path))).toBe(true);
    const config = (at: string) => JSON.parse(readFileSync(join(at, 'config.json'), 'utf8')) as Record<string, unknown>;
    const [saved, original] = [config(folder.path), config(path)];
    expect([saved['model_type'], saved['architectures']]).toEqual([original['model_type'], original['architectures']]);
    const again = await loadPretrained(folder.path);
    expect(again.config).toEqual(model.config);
    again.dispose();
  });

  it('is the same in shards', async () => {
    await savePretrained(model, folder.path, { maxShardBytes: 5000 });
    const again = await loadPretrained(folder.path);
    for (const [key, variable] of Object.entries(model.variables)) {
      expect([key, again.variables[key]!.dataSync()]).toEqual([key, variable.dataSync()]);
    }
    again.dispose();
  });

  it('leaves nothing but its variables', async () => {
    const before = tf.memory().numTensors;
    const another = await loadPretrained(path);
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
