import { useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import { useModel } from '../testing/useModel.js';

const config: GptConfig = {
  vocabSize: 13,
  numLayers: 2,
  dModel: 8,
  numHeads: 2,
  sequenceLength: 6,
  ffnHidden: 12,
  placement: 'every',
  moe: { kind: 'shared', numExperts: 3, topK: 2, blocks: [1] },
};
const ids = () => tf.tensor2d([[1, 2, 3, 4, 5, 6]], undefined, 'int32');
const batch = () => ({ ids: ids(), targets: tf.tensor2d([[2, 3, 4, 5, 6, 7]], undefined, 'int32') });
const values = (x: tf.Tensor) => Array.from(x.dataSync());
const logits = (model: Gpt) => values(model.forward(ids()).logits);

function adapted(options: Partial<Parameters<Gpt['planAdapter']>[0]> = {}): Gpt {
  const model = new Gpt(config, { seed: 1 });
  model.adapt(model.planAdapter({ rank: 2, ...options }), { seed: 2 });
  return model;
}

/** Makes the adapter one that was trained. */
function moveB(model: Gpt): void {
  for (const [name, variable] of Object.entries(model.variables))
    if (name.endsWith('loraB')) variable.assign(tf.randomNormal(variable.shape, 0, 0.3, 'float32', 5));
}

describe('a model with adapters', () => {
  beforeAll(() => useBackend('auto'));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it('computes what it computed, and trains the adapters alone', () =>
    useModel(adapted(), (model) => {
      const plain = new Gpt(config, { seed: 1 });
      logits(model).forEach((value, i) => expect(value).toBeCloseTo(logits(plain)[i]!, 5));
      const names = Object.keys(model.variables);
      expect(names).toContain('block0.attn.wq.loraA');
      expect(names).toContain('block1.experts.w1.loraB');
      expect(names).toContain('block1.shared.w2.loraA');
      expect(names).toContain('block0.mlp.w1.loraB');
      expect(names.filter((name) => !/lora[AB]$/.test(name) || name.includes('router'))).toEqual([]);
      const { grads } = valueAndGrads(() => model.loss(batch()).loss, model.variables);
      for (const [name, gradient] of Object.entries(grads))
        expect([name, values(gradient).some((value) => value !== 0)]).toEqual([name, name.endsWith('loraB')]);
      plain.dispose();
    }));

  it.each(['selective', 'block'] as const)('trains with recompute %s: the same bits, and nothing left', (recompute) =>
    useModel(adapted({ targets: ['attention', 'dense', 'shared', 'experts', 'router'], dropout: 0.2 }), (model) => {
      moveB(model);
      const [ids, targets] = [batch().ids, batch().targets];
      const step = (options: object) => {
        const before = tf.memory().numTensors;
        const { value, grads } = valueAndGrads(
          () => model.loss({ ids, targets }, { training: true, dropoutSeed: 3, ...options }).loss,
          model.variables,
        );
        const numbers = [value, ...Object.values(grads)].map(values);
        tf.dispose([value, grads]);
        expect(tf.memory().numTensors).toBe(before);
        return numbers;
      };
      expect(step({ recompute })).toEqual(step({}));
    }),
  );

  it('is a plain one again once they are merged', () =>
    useModel(adapted({ targets: ['attention', 'experts', 'router'], alpha: 3 }), (model) => {
      moveB(model);
      const before = logits(model);
      expect(values(model.forward(ids(), { training: true }).logits)).toEqual(before);
      model.mergeAdapter();
      expect(Object.keys(model.variables)).toEqual([]);
      logits(model).forEach((value, i) => expect(value).toBeCloseTo(before[i]!, 5));
    }));

  it('generates what its passes say', async () => {
    const model = adapted();
    moveB(model);
    const [next] = await model.generate([1, 2, 3, 4, 5, 6].slice(0, 5), { maxNewTokens: 1, temperature: 0 });
    const last = tf.slice(model.forward(tf.slice(ids(), [0, 0], [1, 5])).logits, [0, 4, 0], [1, 1, -1]);
    expect(next).toBe(tf.argMax(tf.reshape(last, [-1])).dataSync()[0]);
    model.dispose();
  });

  it('drops out in training alone, by the seed of the step', () =>
    useModel(adapted({ dropout: 0.5 }), (model) => {
      moveB(model);
      const trained = (dropoutSeed: number) => values(model.forward(ids(), { training: true, dropoutSeed }).logits);
      expect(trained(1)).toEqual(trained(1));
      expect(trained(1)).not.toEqual(trained(2));
      expect(trained(1)).not.toEqual(logits(model));
      expect(() => model.loss(batch(), { training: true })).toThrow('dropoutSeed: expected a seed for training');
    }));

  it('scales by alpha over the rank, or over its root', () =>
    useModel(new Gpt(config, { seed: 1 }), (model) => {
      const factor = (options: object) => model.planAdapter({ rank: 4, ...options }).matrices['block0.attn.wq']!.factor;
      expect([factor({}), factor({ alpha: 8 }), factor({ alpha: 8, rslora: true })]).toEqual([1, 2, 4]);
    }));

  it.each([
    [{ rank: 0 }, 'lora.rank: expected'],
    [{ rank: 2, alpha: -1 }, 'lora.alpha: expected a number > 0, got -1'],
    [{ rank: 2, dropout: 1 }, 'lora.dropout: expected a number >= 0 and < 1, got 1'],
    [
      { rank: 2, targets: ['embedding' as 'router'] },
      'lora.targets: expected one of attention, experts, shared, dense, router',
    ],
  ])('refuses %j', (options, message) =>
    useModel(new Gpt(config, { seed: 1 }), (model) => expect(() => model.planAdapter(options)).toThrow(message)),
  );

  it('refuses targets that the model has not, and a second adapter', () => {
    const dense = new Gpt({ ...config, moe: undefined }, { seed: 1 });
    expect(() => dense.planAdapter({ rank: 2, targets: ['experts'] })).toThrow(
      "parts that the model has, got 'experts'",
    );
    dense.dispose();
    const model = adapted();
    expect(() => model.adapt(model.planAdapter({ rank: 2 }), { seed: 1 })).toThrow('merge it first');
    model.dispose();
  });

  it('keeps what is frozen: a router that no gradient reaches', () =>
    useModel(new Gpt(config, { seed: 1 }), (model) => {
      model.freeze((name) => /\.router\./.test(name));
      expect(Object.keys(model.variables)).not.toContain('block1.router.weight');
      expect(Object.keys(model.buffers)).toEqual(['block1.router.weight']);
      const { grads } = valueAndGrads(() => model.loss(batch()).loss, model.variables);
      expect(Object.keys(grads)).toEqual(Object.keys(model.variables));
    }));
});
