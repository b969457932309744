import { availableBackends, expectGradientsMatch } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import {
  resolveLatentAttention,
  type LatentAttentionConfig,
  type LatentAttentionContext,
} from '../config/LatentAttentionConfig.js';
import { initializeParameters } from '../parameters/initializeParameters.js';
import { latentAttention, latentAttentionSpecs } from './latentAttention.js';

const sizes = { qLoraRank: 6, kvLoraRank: 5, qkNopeHeadDim: 3, qkRopeHeadDim: 4, vHeadDim: 6 };
const dModel = 10;

type Change = Partial<LatentAttentionConfig> & { causal?: boolean; attentionBias?: boolean };
function contextOf({ causal = true, attentionBias = false, ...change }: Change = {}): LatentAttentionContext {
  return { dModel, numHeads: 2, attentionBias, causal, latent: resolveLatentAttention({ ...sizes, ...change }) };
}

/** Parameters well away from zero, norms and biases from where they start. */
function parametersOf(context: LatentAttentionContext): Record<string, tf.Tensor> {
  const drawn = initializeParameters(latentAttentionSpecs(context), { seed: 3, standardDeviation: 0.4 });
  const moved = Object.entries(drawn).filter(([name]) => /norm|^b/.test(name));
  return {
    ...drawn,
    ...Object.fromEntries(
      moved.map(([name, t]) => [name, tf.add(t, tf.randomUniform(t.shape, -0.4, 0.4, 'float32', 5))]),
    ),
  };
}

const input = (batch = 2, length = 5) => tf.randomNormal<tf.Rank.R3>([batch, length, dModel], 0, 1, 'float32', 7);

type Matrix = number[][];
const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, value, i) => sum + value * b[i]![j]!, 0)));

/** One sequence (S, d) by the formulas of DeepSeek-V2, section 2.1, in float64, with the factors of LongCat-Flash. */
function reference(x: Matrix, parameters: Record<string, tf.Tensor>, context: LatentAttentionContext): Matrix {
  const { numHeads, causal, latent } = context;
  const { qLoraRank, kvLoraRank, qkNopeHeadDim: nope, qkRopeHeadDim: rope, vHeadDim, ropeTheta } = latent;
  const matrix = (name: string) => parameters[name]!.arraySync() as Matrix;
  const vector = (name: string) => parameters[name]?.arraySync() as number[] | undefined;
  const linear = (rows: Matrix, weight: string, bias = '') =>
    times(rows, matrix(weight)).map((row) => row.map((value, i) => value + (vector(bias)?.[i] ?? 0)));
  const norm = (row: number[], weight: string) => {
    const meanSquare = row.reduce((sum, value) => sum + value * value, 0) / row.length;
    return row.map((value, i) => (value / Math.sqrt(meanSquare + 1e-6)) * vector(weight)![i]!);
  };
  const scale = (rank: number) => (latent.scaleLatents ? Math.sqrt(dModel / rank) : 1);
  const turn = (row: number[], position: number) =>
    row.map((value, i) => {
      const angle = position * ropeTheta ** ((-2 * Math.floor(i / 2)) / rope);
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      return i % 2 === 0 ? value * cos - row[i + 1]! * sin : value * cos + row[i - 1]! * sin;
    });

  const queries =
    qLoraRank === undefined
      ? linear(x, 'wq')
      : linear(
          linear(x, 'wqDown', 'bqDown').map((row) => norm(row, 'normQ.weight')),
          'wqUp',
        ).map((row) => row.map((value) => value * scale(qLoraRank)));
  const down = linear(x, 'wkvDown', 'bkvDown');
  const latents = down.map((row) => norm(row.slice(0, kvLoraRank), 'normKv.weight').map((v) => v * scale(kvLoraRank)));
  const sharedKeys = down.map((row, position) => turn(row.slice(kvLoraRank), position));
  const up = linear(latents, 'wkvUp');

  const heads = x.map((_, i) =>
    Array.from({ length: numHeads }, (_, head) => {
      const query = queries[i]!.slice(head * (nope + rope), (head + 1) * (nope + rope));
      const turned = [...query.slice(0, nope), ...turn(query.slice(nope), i)];
      const seen = causal ? x.slice(0, i + 1) : x;
      const weights = seen.map((_, j) => {
        const key = [...up[j]!.slice(head * (nope + vHeadDim)).slice(0, nope), ...sharedKeys[j]!];
        return Math.exp(key.reduce((sum, value, c) => sum + value * turned[c]!, 0) / Math.sqrt(nope + rope));
      });
      const total = weights.reduce((a, b) => a + b);
      const value = (j: number, c: number) => up[j]![head * (nope + vHeadDim) + nope + c]!;
      return Array.from(
        { length: vHeadDim },
        (_, c) => weights.reduce((sum, w, j) => sum + w * value(j, c), 0) / total,
      );
    }).flat(),
  );
  return linear(heads, 'wo', 'bo');
}

const variants: [string, Change][] = [
  ['as in LongCat-Flash', {}],
  ['values smaller than keys, another theta', { vHeadDim: 2, ropeTheta: 100 }],
  ['values larger than keys', { vHeadDim: 9 }],
  ['values of the size of keys', { vHeadDim: 7 }],
  ['not scaled, as in DeepSeek', { scaleLatents: false }],
  ['queries without a latent', { qLoraRank: undefined }],
  ['biases', { attentionBias: true }],
  ['not causal', { causal: false }],
];

describe.each(availableBackends())('latentAttention on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const largestDifference = (a: tf.Tensor, b: tf.Tensor) => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;

  it.each(variants)('computes what the formulas say: %s', (_, change) => {
    const context = contextOf(change);
    const parameters = parametersOf(context);
    const x = input();
    const expected = x.arraySync().map((rows) => reference(rows, parameters, context));
    const { output } = latentAttention(x, parameters, context);
    expect(output.shape).toEqual([2, 5, dModel]);
    // Float32 against float64, for numbers around 1.
    expect(largestDifference(output, tf.tensor3d(expected))).toBeLessThan(1e-5);
  });

  it.each(variants)('has gradients that agree with finite differences: %s', (_, change) => {
    const context = contextOf(change);
    const parameters = parametersOf(context);
    const names = Object.keys(parameters);
    const direction = tf.randomNormal([1, 4, dModel], 0, 1, 'float32', 11);
    const loss = (x: tf.Tensor, ...values: tf.Tensor[]) => {
      const given = Object.fromEntries(names.map((name, i) => [name, values[i]!]));
      return tf.mean(tf.mul(latentAttention(x as tf.Tensor3D, given, context).output, direction)).asScalar();
    };
    const options = { samples: 2, step: 5e-3, tolerance: 3e-2 };
    expectGradientsMatch(loss, [input(1, 4), ...names.map((name) => parameters[name]!)], options);
  });

  it.each(variants.filter(([, { causal }]) => causal !== false))(
    'continues from latents as if it had seen all tokens at once: %s',
    (_, change) => {
      const context = contextOf(change);
      const parameters = parametersOf(context);
      const x = input(2, 7);
      const whole = latentAttention(x, parameters, context);
      // A prompt, one token, two tokens.
      const outputs: tf.Tensor3D[] = [];
      let past: { latents: tf.Tensor3D } | undefined;
      for (const [from, count] of [
        [0, 4],
        [4, 1],
        [5, 2],
      ] as const) {
        const step = latentAttention(x.slice([0, from], [-1, count]), parameters, context, past);
        outputs.push(step.output);
        past = step.all;
      }
      expect(largestDifference(tf.concat(outputs, 1), whole.output)).toBeLessThan(1e-5);
      expect(past!.latents.shape).toEqual([2, 7, sizes.kvLoraRank + sizes.qkRopeHeadDim]);
      expect(largestDifference(past!.latents, whole.all.latents)).toBeLessThan(1e-5);
    },
  );

  it('has gradients through the way over the latents as well', () => {
    const context = contextOf();
    const parameters = parametersOf(context);
    const names = Object.keys(parameters);
    const past = { latents: tf.randomNormal<tf.Rank.R3>([1, 3, 9], 0, 1, 'float32', 13) };
    const direction = tf.randomNormal([1, 2, dModel], 0, 1, 'float32', 11);
    const loss = (x: tf.Tensor, latents: tf.Tensor, ...values: tf.Tensor[]) => {
      const given = Object.fromEntries(names.map((name, i) => [name, values[i]!]));
      const { output } = latentAttention(x as tf.Tensor3D, given, context, { latents: latents as tf.Tensor3D });
      return tf.mean(tf.mul(output, direction)).asScalar();
    };
    const options = { samples: 2, step: 5e-3, tolerance: 3e-2 };
    expectGradientsMatch(loss, [input(1, 2), past.latents, ...names.map((name) => parameters[name]!)], options);
  });
});

describe('resolveLatentAttention', () => {
  it.each<[string, Partial<LatentAttentionConfig>, RegExp]>([
    [
      'an odd number of turned components',
      { qkRopeHeadDim: 3 },
      /^latent.qkRopeHeadDim: expected an even number, got 3$/,
    ],
    ['a latent without width', { kvLoraRank: 0 }, /^latent.kvLoraRank: expected a positive integer, got 0$/],
    ['half a rank', { qLoraRank: 1.5 }, /^latent.qLoraRank: expected a positive integer, got 1.5$/],
    ['no base of angles', { ropeTheta: 0 }, /^latent.ropeTheta: expected a number > 0, got 0$/],
  ])('rejects %s', (_, change, message) => {
    expect(() => resolveLatentAttention({ ...sizes, ...change })).toThrow(message);
  });
});
