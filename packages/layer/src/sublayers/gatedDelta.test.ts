import { availableBackends, expectGradientsMatch, relativeError } from '@scmoe/testing';
import { RecurrentCache, type DeltaState } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { costContext } from '../cost/CostContext.js';
import type { GatedDeltaContext } from '../config/GatedDeltaConfig.js';
import { initializeParameters } from '../parameters/initializeParameters.js';
import { resolveBlock, type BlockConfig } from '../stages/block/BlockConfig.js';
import { gatedDelta, gatedDeltaCost, gatedDeltaSpecs } from './gatedDelta.js';
import { PackedSequences } from './PackedSequences.js';

const dModel = 6;
const context: GatedDeltaContext = {
  dModel,
  normEpsilon: 1e-6,
  gatedDelta: { numKeyHeads: 2, numValueHeads: 4, keyHeadDim: 3, valueHeadDim: 2, convTaps: 3 },
};
const parametersOf = () => initializeParameters(gatedDeltaSpecs(context), { seed: 3, standardDeviation: 0.5 });
const input = (batch = 2, length = 7, seed = 1) =>
  tf.randomNormal<tf.Rank.R3>([batch, length, dModel], 0, 1, 'float32', seed);
const rows = (x: tf.Tensor3D, first: number, count: number) => tf.slice(x, [0, first, 0], [-1, count, -1]);
const bits = (x: tf.Tensor) => [...new Int32Array((x.dataSync() as Float32Array).slice().buffer)];

describe.each(availableBackends())('gatedDelta on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  it('goes on behind earlier tokens as if all came at once', () => {
    const [x, parameters] = [input(), parametersOf()];
    const whole = gatedDelta(x, parameters, context);
    let past: DeltaState | undefined;
    const outputs: tf.Tensor3D[] = [];
    for (const [first, count] of [
      [0, 1],
      [1, 1],
      [2, 4],
      [6, 1],
    ] as const) {
      // prettier-ignore
      const { output, all } = gatedDelta(rows(x, first, count), parameters, context, { past });
      outputs.push(output);
      past = all;
    }
    expect(relativeError(tf.concat(outputs, 1), whole.output)).toBeLessThan(1e-5);
    expect(relativeError(past!.state, whole.all!.state)).toBeLessThan(1e-5);
    expect(relativeError(past!.taps, whole.all!.taps)).toBeLessThan(1e-6);
  });

  it.each([
    ['in front', [0, 0, 1, 1, 1, 1, 1]],
    ['behind', [1, 1, 1, 1, 1, 0, 0]],
    ['between', [1, 0, 1, 1, 0, 1, 1]],
  ])('knows nothing of padding %s: values and gradients are those of the tokens alone', (_, flags) => {
    const parameters = parametersOf();
    const [x, r] = [input(), input(2, 5, 8)];
    const all = tf.tensor2d([flags, flags.slice().reverse()], [2, 7], 'bool');
    const places = [flags, flags.slice().reverse()].map((row) => row.flatMap((flag, i) => (flag ? [i] : [])));
    const tokens = (y: tf.Tensor3D) =>
      tf.stack(places.map((own, b) => tf.gather(tf.slice(y, [b, 0, 0], [1, -1, -1]).squeeze([0]), own))) as tf.Tensor3D;
    const loss = (y: tf.Tensor3D) => tf.sum(tf.mul(y, r));
    const padded = tf.valueAndGrad((each: tf.Tensor) =>
      loss(tokens(gatedDelta(each as tf.Tensor3D, parameters, context, { mask: all }).output)),
    )(x);
    const alone = tf.valueAndGrad((each: tf.Tensor) =>
      loss(gatedDelta(tokens(each as tf.Tensor3D), parameters, context).output),
    )(x);
    expect(relativeError(padded.value, alone.value)).toBeLessThan(1e-5);
    expect(relativeError(padded.grad, alone.grad)).toBeLessThan(1e-5);
  });

  it('gives each of several packed sequences what it gets alone, bit for bit', () => {
    const parameters = parametersOf();
    const sequences = [input(1, 6, 1), input(1, 4, 2)];
    const run = (present: readonly number[]) => {
      const caches = sequences.map(() => new RecurrentCache());
      const steps: number[][] = [[3, 1], [1, 2], [2, 1]]; // prettier-ignore
      const outputs = steps.flatMap((counts) => {
        const parts = present.map((i) => ({ cache: caches[i]!, count: counts[i]! }));
        const x = tf.concat(present.map((i) => rows(sequences[i]!, caches[i]!.length, counts[i]!)), 1); // prettier-ignore
        const { output } = gatedDelta(x, parameters, context, { past: new PackedSequences(parts) });
        return present.includes(1) ? [bits(rows(output, output.shape[1] - counts[1]!, counts[1]!))] : [];
      });
      expect(caches[1]!.length).toBe(4);
      caches.forEach((cache) => cache.dispose());
      return outputs;
    };
    expect(run([0, 1])).toEqual(run([1]));
  });

  it('has the gradients that finite differences show', () => {
    const parameters = parametersOf();
    // Where the chain is longest; what the others are multiplied by they have in common with these.
    const names = ['wq', 'wDecay', 'logRate', 'decayBias', 'norm.weight'];
    const r = input(1, 2, 9);
    expectGradientsMatch(
      (x, ...values) => {
        const given = { ...parameters, ...Object.fromEntries(names.map((name, i) => [name, values[i]!])) };
        return tf.sum(tf.mul(gatedDelta(x as tf.Tensor3D, given, context).output, r));
      },
      [input(1, 2), ...names.map((name) => parameters[name]!)],
      // Queries and keys that become of length 1 are short here, and turn far for a step of 0.01.
      { step: 2e-3 },
    );
  });
});

describe('gatedDeltaSpecs', () => {
  it('begins with rates and steps as Mamba does, each head with its own', () => {
    const { logRate, decayBias } = parametersOf();
    const rates = [...logRate!.exp().dataSync()];
    const steps = [...decayBias!.softplus().dataSync()];
    for (const rate of rates) expect(rate).toBeGreaterThanOrEqual(1);
    for (const rate of rates) expect(rate).toBeLessThanOrEqual(16);
    for (const step of steps) expect(step).toBeGreaterThan(0.0009);
    for (const step of steps) expect(step).toBeLessThan(0.1);
    expect(new Set(rates).size).toBe(4);
  });
});

describe('gatedDeltaCost', () => {
  const flopsOf = (tokens: number, sequenceLength: number) =>
    gatedDeltaCost(costContext(dModel, { tokens, sequenceLength }), context).reduce(
      (sum, { forwardFlops }) => sum + forwardFlops,
      0,
    );

  it('grows with the tokens, however long their sequences are', () => {
    expect(flopsOf(64, 64)).toBe(flopsOf(64, 16));
    expect(flopsOf(128, 128)).toBe(2 * flopsOf(64, 64));
  });

  it('counts the products of projections, chunk and state', () => {
    const [keys, values, heads] = [6, 8, 4];
    const projections = 2 * dModel * (2 * keys + 3 * values + 2 * heads);
    const chunk = 64 * (2 * keys + heads * (3 + 2 * 2));
    const state = 3 * heads * 3 * 2;
    const convolution = 3 * (2 * keys + values);
    expect(flopsOf(1, 1)).toBe(projections + 2 * (chunk + state + convolution));
  });
});

describe('a block with a gated delta network', () => {
  const block = (change: Partial<BlockConfig>) => () =>
    resolveBlock({ dModel: 6, numHeads: 2, kind: 'dense', gatedDelta: context.gatedDelta, ...change });

  it('has no options of attention', () => {
    expect(block({})).not.toThrow();
    expect(block({ window: 4 })).toThrow('window: expected none with a gated delta network, got 4');
    expect(block({ causal: false })).toThrow('causal: expected true with a gated delta network, got false');
    expect(block({ qkNorm: 'perHead' })).toThrow('qkNorm: expected none with a gated delta network');
  });

  it('has whole shares of value heads', () =>
    expect(block({ gatedDelta: { ...context.gatedDelta, numValueHeads: 3 } })).toThrow(
      'gatedDelta.numValueHeads: expected a multiple of numKeyHeads = 2, got 3',
    ));
});
