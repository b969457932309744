import { resolveRouterLosses, routerLosses, type RouterLossName, type Routing } from '@scmoe/gating';
import { availableBackends } from '@scmoe/testing';
import { overlapped } from '../plan/overlapped.js';
import { valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import { resolveBlock, type BlockConfig } from './block/BlockConfig.js';
import { initializeBlock } from './block/blockSpecs.js';
import { runBlock } from './block/runBlock.js';
import { resolveLongcatBlock, type LongcatBlockConfig } from './longcat/LongcatBlockConfig.js';
import { initializeLongcatBlock } from './longcat/longcatSpecs.js';
import { runLongcatBlock } from './longcat/runLongcatBlock.js';
import { resolvePair, type PairConfig } from './pair/PairConfig.js';
import { initializePair } from './pair/pairSpecs.js';
import { runPair, type RunPairOptions } from './pair/runPair.js';

const dModel = 8;
const length = 6;
/** Four tokens in each sequence: padding behind, in front, on both sides. */
const rows = [
  [1, 1, 1, 1, 0, 0],
  [0, 0, 1, 1, 1, 1],
  [0, 1, 1, 1, 1, 0],
];
const mask = () => tf.tensor2d(rows, undefined, 'bool');
const places = rows.map((row) => row.flatMap((token, i) => (token ? [i] : [])));
/** (3, 6, d) -> (3, 4, d): the tokens without the padding. */
const only = (x: tf.Tensor): tf.Tensor3D =>
  tf.stack(tf.unstack(x).map((row, b) => tf.gather(row, tf.tensor1d(places[b]!, 'int32')))) as tf.Tensor3D;

const sizes = { dModel, numHeads: 2, ffnHidden: 12 };
const experts = { ...sizes, numExperts: 4 };
const latent = { qLoraRank: 6, kvLoraRank: 5, qkNopeHeadDim: 3, qkRopeHeadDim: 2, vHeadDim: 4 };

type Result = { y: tf.Tensor3D; routing?: Routing; currentRouting?: Routing };
type Options = Pick<RunPairOptions, 'mask' | 'chunks'> & { plan?: ReturnType<typeof overlapped> };
interface Stage {
  parameters: ParameterRecord;
  run: (x: tf.Tensor3D, parameters: ParameterRecord, options: Options) => Result;
}

const start = { seed: 3, standardDeviation: 0.4 };
const pair = (config: Partial<PairConfig>) => (): Stage => {
  const all = { ...experts, ...config } as PairConfig;
  return {
    parameters: initializePair(all, start),
    run: (x, parameters, options) => runPair(x, parameters, resolvePair(all), options),
  };
};
const block = (config: Partial<BlockConfig>) => (): Stage => {
  const all = { ...experts, ...config } as BlockConfig;
  return {
    parameters: initializeBlock(all, start),
    run: (x, parameters, options) => runBlock(x, parameters, resolveBlock(all), options),
  };
};
const longcat = (config: Partial<LongcatBlockConfig>) => (): Stage => {
  const all = { ...experts, numZeroExperts: 2, topK: 2, ...config };
  return {
    parameters: initializeLongcatBlock(all, start),
    run: (x, parameters, options) => runLongcatBlock(x, parameters, resolveLongcatBlock(all), options),
  };
};

const limited = { capacityFactor: 0.75 };
const stages: Record<string, () => Stage> = {
  'dense pair': pair({ kind: 'dense', numExperts: undefined }),
  'standard pair, top-2': pair({ kind: 'standard', topK: 2 }),
  'standard pair, top-2, capacity': pair({ kind: 'standard', topK: 2, ...limited }),
  'shared expert': pair({ kind: 'shared', mix: 'cg2' }),
  'ScMoE, pos1': pair({ kind: 'scmoe', position: 'pos1' }),
  'ScMoE, pos2': pair({ kind: 'scmoe', position: 'pos2' }),
  'ScMoE, pos2, capacity, rotary': pair({ kind: 'scmoe', rope: { style: 'half' }, ...limited }),
  'ScMoE, pos3, top-2, sigmoid': pair({ kind: 'scmoe', position: 'pos3', topK: 2, scoreFunction: 'sigmoid' }),
  'ScMoE, full attention, experts choose': pair({
    kind: 'scmoe',
    causal: false,
    routing: 'expertChoice',
    capacityFactor: 1,
  }),
  'DGMoE, capacity': pair({ kind: 'dgmoe', ...limited, dropPolicy: 'probability' }),
  'block, zero experts, full attention': block({ kind: 'scmoe', topK: 2, numZeroExperts: 2, causal: false }),
  'dense block': block({ kind: 'dense', numExperts: undefined }),
  'LongCat block': longcat({}),
  'LongCat block, latent attention': longcat({ latent }),
};

const names: RouterLossName[] = ['loadBalance', 'sequenceBalance', 'importance', 'zLoss'];
const coefficients = resolveRouterLosses({});

describe.each(availableBackends())('a mask of padded tokens on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  const input = () => tf.randomNormal<tf.Rank.R3>([3, length, dModel], 0, 1, 'float32', 7);
  const direction = () => tf.randomNormal<tf.Rank.R3>([3, 4, dModel], 0, 1, 'float32', 9);

  /** Output of the tokens, router losses, and gradients of both. */
  function pass({ parameters, run }: Stage, isPadded: boolean, options: Options = {}) {
    const { 'router.correctionBias': bias, ...trained } = parameters as Record<string, tf.Tensor>;
    const given = { x: input(), ...trained };
    const variables = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, tf.variable(value)]));
    const values: Record<string, tf.Tensor> = {};
    const { value, grads } = valueAndGrads(
      () => {
        const x = variables['x'] as unknown as tf.Tensor3D;
        const own = { ...variables, ...(bias && { 'router.correctionBias': bias }) };
        const { y, routing, currentRouting } = isPadded
          ? run(x, own, { ...options, mask: mask() })
          : run(only(x), own, options);
        values['y'] = tf.keep(isPadded ? only(y) : tf.clone(y));
        const routings = [routing, currentRouting].filter((each) => each !== undefined);
        const losses = routerLosses(routings, coefficients, { numSequences: 3, names });
        for (const [name, loss] of Object.entries(losses)) values[name] = tf.keep(tf.clone(loss));
        routings.forEach(({ load, counts }, i) => {
          values[`load ${i}`] = tf.keep(tf.clone(load));
          values[`counts ${i}`] = tf.keep(tf.clone(counts));
        });
        const task = tf.sum(tf.mul(isPadded ? only(y) : y, direction()));
        return tf.addN([task, ...Object.values(losses)]);
      },
      variables,
      { allowUnused: true },
    );
    return { ...values, loss: value, ...Object.fromEntries(Object.entries(grads).map(([n, g]) => [`grad ${n}`, g])) };
  }

  function expectSame(actual: Record<string, tf.Tensor>, expected: Record<string, tf.Tensor>) {
    expect(Object.keys(actual)).toEqual(Object.keys(expected));
    for (const [name, x] of Object.entries(expected)) {
      const scale = Math.max(1, tf.max(tf.abs(x)).dataSync()[0]!);
      const apart = tf.max(tf.abs(tf.sub(actual[name]!, x))).dataSync()[0]! / scale;
      // The same sums over other rows: a few units of the 24-bit mantissa, through two attentions and norms.
      expect([name, apart < 2e-5 ? 'same' : apart]).toEqual([name, 'same']);
    }
  }

  it.each(Object.entries(stages))('gives what the tokens give alone, gradients and losses too: %s', (_, stageOf) => {
    const stage = stageOf();
    const padded = pass(stage, true);
    expectSame(padded, pass(stage, false));
    // Nothing flows to the padding.
    const masked = tf.mul(padded['grad x' as 'loss'], tf.sub(1, tf.expandDims(tf.cast(mask(), 'float32'), 2)));
    expect(tf.max(tf.abs(masked)).dataSync()[0]).toBe(0);
  });

  it.each(['ScMoE, pos2', 'ScMoE, pos2, capacity, rotary'])('the same when overlapped, in two chunks: %s', (name) => {
    const stage = stages[name]!();
    expectSame(pass(stage, true, { plan: overlapped(1), chunks: 2 }), pass(stage, true));
  });

  it.each(Object.entries(stages))('gives finite numbers where all is padding: %s', (_, stageOf) => {
    const { parameters, run } = stageOf();
    const { 'router.correctionBias': bias, ...trained } = parameters as Record<string, tf.Tensor>;
    const given = { x: input(), ...trained };
    const variables = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, tf.variable(value)]));
    const { value, grads } = valueAndGrads(
      () => {
        const own = { ...variables, ...(bias && { 'router.correctionBias': bias }) };
        const nobody = tf.zeros<tf.Rank.R2>([3, length], 'bool');
        const { y, routing } = run(variables['x'] as unknown as tf.Tensor3D, own, { mask: nobody });
        const losses = routing ? routerLosses([routing], coefficients, { numSequences: 3, names }) : {};
        for (const loss of Object.values(losses)) expect(loss.dataSync()[0]).toBe(0);
        return tf.addN([tf.sum(tf.square(y)), ...Object.values(losses)]);
      },
      variables,
      { allowUnused: true },
    );
    for (const x of [value, ...Object.values(grads)]) expect(x.dataSync().every(Number.isFinite)).toBe(true);
    const ofExperts = Object.entries(grads).filter(([name]) => /^(experts|router)\./.test(name));
    for (const [name, x] of ofExperts) expect([name, tf.max(tf.abs(x)).dataSync()[0]]).toEqual([name, 0]);
  });
});

it('names a mask that does not fit, and a past beside one', () => {
  const { parameters, run } = stages['ScMoE, pos2']!();
  const x = tf.zeros<tf.Rank.R3>([2, 3, dModel]);
  expect(() => run(x, parameters, { mask: tf.ones([2, 4], 'bool') })).toThrow(
    'mask: expected bool (2, 3), one for each token, got bool (2, 4)',
  );
  expect(() => run(x, parameters, { mask: tf.ones([2, 3]) })).toThrow('got float32 (2, 3)');
  const config = resolvePair({ ...experts, kind: 'scmoe' });
  expect(() => runPair(x, parameters, config, { mask: tf.ones([2, 3], 'bool'), keepCache: true })).toThrow(
    'mask: expected none where keys and values are kept, whose padding would be forgotten',
  );
});
