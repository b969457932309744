import { useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { Gpt } from '../gpt/Gpt.js';
import type { GptConfig } from '../gpt/GptConfig.js';
import { takeParameters } from '../stages/takeParameters.js';
import { microBatch } from '../testing/gptRanks.js';
import type { LanguageModelLossOptions } from './LanguageModel.js';

const config: GptConfig = {
  vocabSize: 17,
  numLayers: 2,
  dModel: 8,
  numHeads: 2,
  sequenceLength: 12,
  moe: { kind: 'shared', numExperts: 2 },
};
const farSkip: GptConfig = { ...config, connectivity: 'farskip' };

describe('distillation', () => {
  const models: Gpt[] = [];
  const make = (config: GptConfig, seed: number) => {
    models.push(new Gpt(config, { seed }));
    return models.at(-1)!;
  };
  beforeAll(() => useBackend('auto', { threads: 1 }));
  afterAll(() => models.forEach((model) => model.dispose()));

  const lossOf = (student: Gpt, options: LanguageModelLossOptions) => {
    const { ids, targets } = microBatch(0);
    const read = tf.tidy(() => {
      const { loss, crossEntropy, loadBalance, distillation } = student.loss({ ids, targets }, options);
      const scalars = { loss, crossEntropy, loadBalance, ...distillation };
      return Object.entries(scalars).map(([name, scalar]) => [name, scalar.dataSync()[0]!] as const);
    });
    tf.dispose([ids, targets]);
    return Object.fromEntries(read) as Record<string, number>;
  };

  it('is the mean KL of the scores at a temperature, mixed with the cross-entropy', () => {
    const [teacher, student] = [make(config, 1), make(farSkip, 2)];
    const [temperature, weight] = [2, 0.3];
    const got = lossOf(student, { distill: { teacher, temperature, weight } });
    const { ids, targets } = microBatch(0);
    const rows = [teacher, student].map((model) =>
      tf.tidy(() => tf.reshape(model.forward(ids).logits, [12, 17]).arraySync() as number[][]),
    );
    const softmax = (row: number[], t = temperature) => {
      const sum = row.reduce((total, x) => total + Math.exp(x / t), 0);
      return row.map((x) => Math.exp(x / t) / sum);
    };
    const best = (row: number[]) => row.indexOf(Math.max(...row));
    const tokens = rows[0]!.map((theirs, i) => {
      const [p, q] = [softmax(theirs), softmax(rows[1]![i]!)];
      const target = targets.dataSync()[i]!;
      return {
        kl: p.reduce((sum, x, j) => sum + x * Math.log(x / q[j]!), 0),
        agreement: best(theirs) === best(rows[1]![i]!) ? 1 : 0,
        teacherCrossEntropy: -Math.log(softmax(theirs, 1)[target]!),
      };
    });
    for (const name of ['kl', 'agreement', 'teacherCrossEntropy'] as const)
      expect(got[name]).toBeCloseTo(tokens.reduce((sum, token) => sum + token[name], 0) / 12, 5);
    const mixed = weight * temperature ** 2 * got['kl']! + (1 - weight) * got['crossEntropy']!;
    expect(got['loss']).toBeCloseTo(mixed + 0.01 * got['loadBalance']!, 5);
    tf.dispose([ids, targets]);
  });

  it('counts the tokens that the loss counts', () => {
    const [teacher, student] = [make(config, 1), make(config, 2)];
    const mask = tf.tensor2d([Array(6).fill(1), Array(6).fill(0)] as number[][], [2, 6], 'bool');
    const first = lossOf(student, { mask, distill: { teacher } });
    const all = lossOf(student, { distill: { teacher } });
    expect(Math.abs(first['kl']! - all['kl']!)).toBeGreaterThan(1e-6);
    mask.dispose();
  });

  it('moves the student alone, and with weight 0 as without a teacher', () => {
    const [teacher, student] = [make(config, 1), make(farSkip, 2)];
    const batch = microBatch(0);
    const gradsOf = (options: LanguageModelLossOptions) => {
      const both = { ...student.variables, ...prefixed(teacher.variables) };
      const loss = () => student.loss(batch, { training: true, ...options }).loss;
      const { value, grads } = valueAndGrads(loss, both, { allowUnused: true });
      const read = Object.entries(grads).map(([name, grad]) => [name, [...grad.dataSync()]] as const);
      tf.dispose([value, grads]);
      return Object.fromEntries(read);
    };
    const [plain, without, taught] = [{}, { distill: { teacher, weight: 0 } }, { distill: { teacher, weight: 1 } }].map(
      gradsOf,
    );
    expect(without).toEqual(plain);
    const ofTeacher = Object.entries(taught!).filter(([name]) => name.startsWith('teacher.'));
    expect(new Set(ofTeacher.flatMap(([, values]) => values))).toEqual(new Set([0]));
    expect(taught).not.toEqual(plain);
    tf.dispose([batch.ids, batch.targets]);
  });

  it('has nothing to teach to the same model, and much to itself in another connectivity', () => {
    const teacher = make(config, 1);
    // Larger than weights are at first, so that what attention and experts add is not lost in rounding.
    tf.tidy(() => Object.values(teacher.variables).forEach((value) => value.assign(tf.mul(value, 8))));
    const [same, other] = [make(config, 2), make(farSkip, 3)];
    for (const student of [same, other]) {
      const { taken, left } = takeParameters(student, teacher);
      expect([taken, left]).toEqual([Object.keys(teacher.variables), []]);
    }
    expect(lossOf(same, { distill: { teacher } })).toMatchObject({ kl: 0, agreement: 1 });
    expect(lossOf(other, { distill: { teacher } })['kl']).toBeGreaterThan(1e-6);
  });

  it('refuses a teacher of another vocabulary, and numbers out of range', () => {
    const [teacher, student] = [make({ ...config, vocabSize: 18 }, 1), make(config, 2)];
    const loss = (distill: LanguageModelLossOptions['distill']) => () => lossOf(student, { distill });
    expect(loss({ teacher })).toThrow(
      /^distill.teacher: expected one over the same vocabulary of 17 tokens, got one of 18/,
    );
    expect(loss({ teacher: student, temperature: 0 })).toThrow(/^distill.temperature: expected a number > 0, got 0/);
    expect(loss({ teacher: student, weight: 1.1 })).toThrow(/^distill.weight: expected .*1, got 1.1/);
  });
});

describe('parameters of another model', () => {
  it('are taken by name, experts of a shard those that it has, and none of another shape', async () => {
    await useBackend('auto', { threads: 1 });
    const whole = new Gpt({ ...config, moe: { kind: 'shared', numExperts: 4 } }, { seed: 1 });
    const scmoe: GptConfig = { ...config, moe: { kind: 'scmoe', numExperts: 4 } };
    const shard = new Gpt(scmoe, { seed: 2, experts: { rank: 1, size: 2 } });
    expect(takeParameters(shard, whole).left).toEqual(['block0.normShortcut.weight', 'block0.normShortcut.bias']);
    const [own, theirs] = [shard, whole].map(({ variables }) => variables['block0.experts.w1']!.dataSync());
    expect([...own!]).toEqual([...theirs!.subarray(theirs!.length / 2)]);
    const wide = new Gpt({ ...config, ffnHidden: 9 }, { seed: 3 });
    expect(() => takeParameters(wide, whole)).toThrow(
      /^block0\.mlp\.w1: expected the shape of the model that it is taken from, \(8, 32\), got \(8, 9\)/,
    );
    for (const model of [whole, shard, wide]) model.dispose();
  });
});

function prefixed(variables: Record<string, tf.Variable>): Record<string, tf.Variable> {
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [`teacher.${name}`, value]));
}
