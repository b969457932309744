import { randomNormal, useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { overlapped } from '../plan/overlapped.js';
import type { BlockConfig } from '../stages/block/BlockConfig.js';
import { resolveBlock } from '../stages/block/BlockConfig.js';
import { initializeBlock } from '../stages/block/blockSpecs.js';
import { runBlock } from '../stages/block/runBlock.js';
import type { LongcatBlockConfig } from '../stages/longcat/LongcatBlockConfig.js';
import { resolveLongcatBlock } from '../stages/longcat/LongcatBlockConfig.js';
import { initializeLongcatBlock } from '../stages/longcat/longcatSpecs.js';
import { runLongcatBlock } from '../stages/longcat/runLongcatBlock.js';
import { resolvePair, type PairConfig } from '../stages/pair/PairConfig.js';
import { initializePair } from '../stages/pair/pairSpecs.js';
import { runPair, type RunPairOptions } from '../stages/pair/runPair.js';
import { splitAxes, type SplitAxis } from './SplitAxis.js';

const sizes = { dModel: 8, numHeads: 2, ffnHidden: 12, numExperts: 4 };
const training = { router: { training: true, seed: 5, stream: 9 }, dropout: { seed: 5, firstStream: 1 } };
const depth = { rates: [0.5, 0.5, 0.5, 0.5], firstStream: 40 };

type Options = Omit<RunPairOptions, 'plan' | 'past'>;
interface Case {
  config: { pair: PairConfig } | { block: BlockConfig } | { longcat: LongcatBlockConfig };
  options?: Options;
  axes?: readonly SplitAxis[];
}

const cases: Record<string, Case> = {
  'top-2': { config: { pair: { ...sizes, kind: 'standard', rope: { style: 'half' } } } },
  'shared expert, cg2': { config: { pair: { ...sizes, kind: 'shared', mix: 'cg2' } } },
  pos1: { config: { pair: { ...sizes, kind: 'scmoe', position: 'pos1', topK: 2 } } },
  'pos2 with two chunks': { config: { pair: { ...sizes, kind: 'scmoe' } }, options: { chunks: 2, expertChunks: 2 } },
  'pos3 with zero experts': {
    config: { pair: { ...sizes, kind: 'scmoe', position: 'pos3', numZeroExperts: 2, topK: 2 } },
  },
  'a window': { config: { pair: { ...sizes, kind: 'scmoe', position: 'pos3', window: 3 } }, axes: ['batch'] },
  'a capacity': { config: { pair: { ...sizes, kind: 'standard', capacityFactor: 0.75 } } },
  'a capacity by weight, in chunks': {
    config: { pair: { ...sizes, kind: 'scmoe', capacityFactor: 0.75, dropPolicy: 'probability' } },
    options: { chunks: 2 },
  },
  'dropout, depth, noise and jitter': {
    config: { pair: { ...sizes, kind: 'scmoe', dropout: 0.3, noisy: true, jitter: 0.1 } },
    options: { ...training, dropout: { ...training.dropout, stochasticDepth: depth } },
  },
  'groups, sigmoid and a bias': {
    config: {
      pair: {
        ...sizes,
        kind: 'shared',
        topK: 2,
        scoreFunction: 'sigmoid',
        numGroups: 2,
        topKGroups: 1,
        correctionBias: true,
      },
    },
  },
  recompute: { config: { pair: { ...sizes, kind: 'scmoe' } }, options: { recompute: true } },
  'a block': { config: { block: { ...sizes, kind: 'scmoe', topK: 2 } } },
  'a block that sees later tokens, experts choose': {
    config: { block: { ...sizes, kind: 'shared', causal: false, routing: 'expertChoice', capacityFactor: 1 } },
    axes: ['batch'],
  },
  LongCat: { config: { longcat: { ...sizes, numZeroExperts: 2, topK: 2 } } },
};

const shape: [number, number, number] = [3, 5, 8];
const input = () => randomNormal(shape, { seed: 7 }) as tf.Tensor3D;
const initialization = { seed: 3, standardDeviation: 0.4 };

function stageOf(config: Case['config']) {
  if ('pair' in config) {
    const [parameters, resolved] = [initializePair(config.pair, initialization), resolvePair(config.pair)];
    return { parameters, run: runPair, resolved };
  }
  if ('block' in config) {
    const [parameters, resolved] = [initializeBlock(config.block, initialization), resolveBlock(config.block)];
    return { parameters, run: runBlock, resolved };
  }
  const [parameters, resolved] = [
    initializeLongcatBlock(config.longcat, initialization),
    resolveLongcatBlock(config.longcat),
  ];
  return { parameters, run: runLongcatBlock, resolved };
}

/** Output, what losses and statistics read, and the gradients of a function of both. */
function outcome({ config, options = {} }: Case, own: Options & { plan?: RunPairOptions['plan'] }) {
  const { parameters, run, resolved } = stageOf(config);
  const names = Object.keys(parameters).filter((name) => !name.endsWith('correctionBias'));
  const direction = randomNormal(shape, { seed: 11 });
  let found: Record<string, tf.Tensor> = {};
  const gradients = tf.grads((x: tf.Tensor, ...values: tf.Tensor[]) => {
    const given = { ...parameters, ...Object.fromEntries(names.map((name, i) => [name, values[i]!])) };
    const runAny = run as (
      x: tf.Tensor,
      parameters: object,
      config: object,
      options: object,
    ) => ReturnType<typeof runPair>;
    const { y, routing } = runAny(x, given, resolved, { ...options, ...own });
    const { weights, experts, counts, load, firstLoad, scores, logits } = routing!;
    const kept = { y, weights, experts, counts, load, firstLoad, scores, logits };
    found = Object.fromEntries(Object.entries(kept).map(([name, value]) => [name, tf.keep(tf.clone(value))]));
    return tf.add(tf.sum(tf.mul(y, direction)), tf.sum(tf.square(tf.mean(scores, 0))));
  })([input(), ...names.map((name) => parameters[name]!)]);
  const numbers = Object.fromEntries(['x', ...names].map((name, i) => [name, [...gradients[i]!.dataSync()]]));
  const values = Object.fromEntries(Object.entries(found).map(([name, tensor]) => [name, [...tensor.dataSync()]]));
  tf.dispose(found);
  return { values, gradients: numbers };
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  // The gradient of a key's bias is nothing but rounding.
  const scale = Math.max(0.1, ...a.map(Math.abs));
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!))) / scale;
}

/** What gradients may differ by: oneDNN's products sum otherwise with fewer rows, ours do not. */
let bound = 5e-6;
beforeAll(async () => {
  const { line } = await useBackend('auto', { threads: 1 });
  if (line.includes('oneDNN')) bound = 1e-5;
});

describe('a stage on two halves', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  it.each(Object.entries(cases))('routes, drops, draws and computes as on the whole: %s', (_, one) => {
    const whole = outcome(one, {});
    for (const split of one.axes ?? splitAxes) {
      for (const plan of [undefined, overlapped(0)]) {
        const { values, gradients } = outcome(one, { split, ...(plan && { plan }) });
        // Rows of a product don't depend on how many there are; a weight's gradient is a sum over the halves.
        expect(values).toEqual(whole.values);
        const off = Object.entries(gradients).map(([name, gradient]) => [
          name,
          largestDifference(whole.gradients[name]!, gradient),
        ]);
        expect(off.filter(([, difference]) => !(Number(difference) < bound))).toEqual([]);
      }
    }
  });

  it('sums the keys of a window in another order where sequences are cut', () => {
    const { config } = cases['a window']!;
    const [whole, halves] = [outcome({ config }, {}), outcome({ config }, { split: 'sequence' })];
    expect(halves.values['experts']).toEqual(whole.values['experts']);
    expect(largestDifference(whole.values['y']!, halves.values['y']!)).toBeLessThan(1e-6);
    expect(largestDifference(whole.gradients['x']!, halves.gradients['x']!)).toBeLessThan(1e-5);
  });

  it.each(splitAxes)('leaves keys and values of all tokens, halves of the %s', (split) => {
    const { parameters, resolved } = stageOf({ pair: { ...sizes, kind: 'scmoe' } }) as ReturnType<typeof stageOf> & {
      resolved: ReturnType<typeof resolvePair>;
    };
    const read = (options: Options) => {
      const { cache } = runPair(input(), parameters, resolved, { keepCache: true, dropless: true, ...options });
      const { attention1, attention2 } = cache as Record<string, Record<string, tf.Tensor>>;
      return [attention1, attention2].map((each) => Object.values(each!).map((x) => [x.shape, [...x.dataSync()]]));
    };
    expect(read({ split })).toEqual(read({}));
  });

  it.each(['batch', 'sequence', 'auto'] as const)('leaks nothing of the last token into any before it: %s', (split) => {
    for (const kind of ['standard', 'shared', 'scmoe'] as const) {
      const { parameters, resolved } = stageOf({ pair: { ...sizes, kind, topK: 2 } });
      const x = input();
      const isLast = tf.oneHot(tf.tensor1d([shape[1] - 1], 'int32'), shape[1]).reshape([1, shape[1], 1]);
      const changed = tf.add<tf.Tensor3D>(x, tf.mul(isLast, 3));
      const before = (given: tf.Tensor3D) => {
        const { y } = runPair(given, parameters, resolved as ReturnType<typeof resolvePair>, {
          split,
          plan: overlapped(0),
        });
        return { before: tf.slice(y, 0, [shape[0], shape[1] - 1, 8]).dataSync(), all: y.dataSync() };
      };
      expect(before(changed).before).toEqual(before(x).before);
      expect(before(changed).all).not.toEqual(before(x).all);
    }
  });

  it('takes the batch where it has two sequences, the sequence where it has one, and neither of a single token', () => {
    const { parameters, resolved } = stageOf({ pair: { ...sizes, kind: 'scmoe' } });
    const operatorsOf = (x: tf.Tensor3D) => {
      let seen: string[] = [];
      runPair(x, parameters, resolved as ReturnType<typeof resolvePair>, {
        split: 'auto',
        plan: (operators) => {
          seen = operators.map(({ name, inputs }) => `${name}(${inputs.join()})`);
          return overlapped(0)(operators);
        },
      });
      return seen;
    };
    expect(operatorsOf(tf.ones([2, 3, 8]))).toContain('attention1@1(x@1)');
    expect(operatorsOf(tf.ones([1, 3, 8]))).toContain('attention1@1(x@1,keyValues1@0)');
    expect(operatorsOf(tf.ones([1, 1, 8]))).toContain('attention1(x)');
  });

  it('leaves no tensors behind', () => {
    const { parameters, resolved } = stageOf({ pair: { ...sizes, kind: 'scmoe' } });
    const x = input();
    const count = (split?: SplitAxis) => {
      const before = tf.memory().numTensors;
      const result = runPair(x, parameters, resolved as ReturnType<typeof resolvePair>, { split });
      const returned = tf.memory().numTensors - before;
      tf.dispose(result as unknown as tf.TensorContainerObject);
      return [returned, tf.memory().numTensors - before];
    };
    for (const axis of splitAxes) expect(count(axis)).toEqual(count());
  });

  const plain: PairConfig = { ...sizes, kind: 'scmoe' };
  it.each<[string, PairConfig, number[], Options, RegExp]>([
    [
      'one sequence in two',
      plain,
      [1, 4],
      { split: 'batch' },
      /^split: expected a batch of at least 2 sequences for 'batch', got 1$/,
    ],
    [
      'one token in two',
      plain,
      [2, 1],
      { split: 'sequence' },
      /^split: expected sequences of at least 2 tokens for 'sequence', got 1$/,
    ],
    [
      'what there is not',
      plain,
      [2, 2],
      { split: 'tokens' as 'batch' },
      /^split: expected one of auto, batch, sequence, got "tokens"$/,
    ],
    [
      'FarSkip',
      { ...plain, kind: 'shared', connectivity: 'farskip' },
      [2, 2],
      { split: 'batch' },
      /^split: expected none with FarSkip/,
    ],
    ['DGMoE', { ...plain, kind: 'dgmoe' }, [2, 2], { split: 'batch' }, /^split: expected none for DGMoE/],
    [
      'sequences that see later tokens',
      { ...plain, causal: false },
      [2, 2],
      { split: 'sequence' },
      /^split: expected 'batch' where attention is not causal/,
    ],
  ])('is refused for %s', (_, config, [b, s], options, message) => {
    const { parameters, resolved } = stageOf({ pair: config });
    const run = () => runPair(tf.ones([b!, s!, 8]), parameters, resolved as ReturnType<typeof resolvePair>, options);
    expect(run).toThrow(message);
  });

  it('is refused where padding or a past would be forgotten', () => {
    const { parameters, resolved } = stageOf({ pair: plain });
    const pair = resolved as ReturnType<typeof resolvePair>;
    const mask = tf.ones([2, 3], 'bool');
    const x: tf.Tensor3D = tf.ones([2, 3, 8]);
    expect(() => runPair(x, parameters, pair, { mask, split: 'sequence' })).toThrow(
      /^split: expected 'batch' with a mask/,
    );
    const { cache } = runPair(x, parameters, pair, { keepCache: true });
    expect(() => runPair(x, parameters, pair, { past: cache, split: 'batch' })).toThrow(
      /^split: expected none for a pass that continues/,
    );
  });
});
