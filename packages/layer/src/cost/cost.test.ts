import { useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { blockKinds, type BlockKind } from '../config/BlockMoeConfig.js';
import { resolveBlock } from '../stages/block/BlockConfig.js';
import { mixes } from '../config/MoeConfig.js';
import { resolvePair, type PairConfig } from '../stages/pair/PairConfig.js';
import { blockOperators } from '../stages/block/blockOperators.js';
import { blockSpecs } from '../stages/block/blockSpecs.js';
import { runBlock } from '../stages/block/runBlock.js';
import {
  resolveDgMoeLayer,
  resolveMoeLayer,
  resolveScMoeLayer,
  resolveSharedMoeLayer,
} from '../tfLayers/moeLayerOptions.js';
import { resolveLongcatBlock, type LongcatBlockConfig } from '../stages/longcat/LongcatBlockConfig.js';
import { longcatOperators } from '../stages/longcat/longcatOperators.js';
import { longcatSpecs } from '../stages/longcat/longcatSpecs.js';
import { runLongcatBlock } from '../stages/longcat/runLongcatBlock.js';
import { ExpertParallelDispatcher } from '../moe/ExpertParallelDispatcher.js';
import type { Dispatcher } from '../moe/Dispatcher.js';
import { moeLayerOperators, moeSpecs, type ResolvedMoeLayer } from '../moe/moeLayerOperators.js';
import { allExperts, type ExpertShard } from '../moe/expertShard.js';
import { runMoe } from '../moe/runMoe.js';
import { pairOperators } from '../stages/pair/pairOperators.js';
import { pairSpecs } from '../stages/pair/pairSpecs.js';
import { runPair } from '../stages/pair/runPair.js';
import { initializeParameters } from '../parameters/initializeParameters.js';
import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import type { ParameterSpecs } from '../parameters/ParameterSpec.js';
import { availableBackends } from '@scmoe/testing';
import { countKernels, type KernelCounts } from '../testing/countKernels.js';
import { mirrorCommunicator } from '../testing/mirrorCommunicator.js';
import { blockCost } from '../stages/block/blockCost.js';
import type { CostOptions } from './CostOptions.js';
import { longcatCost } from '../stages/longcat/longcatCost.js';
import { moeCost } from '../moe/moeCost.js';
import type { LayerCost } from './OperatorCost.js';
import { pairCost } from '../stages/pair/pairCost.js';

/** 3 sequences of 8 tokens: with 4 experts and forced balance every expert gets as many. */
const [batch, sequenceLength, d] = [3, 8, 12];
const tokens = batch * sequenceLength;

/** A layer whose cost is told and counted. */
interface Costed {
  specs: (experts?: ExpertShard) => ParameterSpecs;
  operators: (parameters: ParameterRecord) => { name: string }[];
  run: (x: tf.Tensor3D, parameters: ParameterRecord, dispatcher?: Dispatcher) => tf.Tensor;
  cost: (options: number | CostOptions) => LayerCost;
}

function ofPair(change: Partial<PairConfig>): Costed {
  const config = resolvePair({
    kind: 'scmoe',
    dModel: d,
    numHeads: 3,
    ffnHidden: 20,
    expertHidden: 14,
    sharedHidden: 10,
    numExperts: 4,
    forcedBalance: true,
    ...change,
  });
  return {
    specs: (experts) => pairSpecs(config, { experts }),
    operators: (parameters) => pairOperators(parameters, config),
    run: (x, parameters, dispatcher) => runPair(x, parameters, config, { dispatcher }).y,
    cost: (options) => pairCost(config, options),
  };
}

function ofBlock(kind: BlockKind): Costed {
  const config = resolveBlock({
    kind,
    dModel: d,
    numHeads: 3,
    ffnHidden: 20,
    numExperts: 4,
    forcedBalance: kind !== 'dgmoe',
  });
  return {
    specs: (experts) => blockSpecs(config, { experts }),
    operators: (parameters) => blockOperators(parameters, config),
    run: (x, parameters, dispatcher) => runBlock(x, parameters, config, { dispatcher }).y,
    cost: (options) => blockCost(config, options),
  };
}

function ofLongcat(change: Partial<LongcatBlockConfig>): Costed {
  const config = resolveLongcatBlock({
    dModel: d,
    numHeads: 3,
    ffnHidden: 20,
    expertHidden: 14,
    numExperts: 4,
    forcedBalance: true,
    ...change,
  });
  return {
    specs: (experts) => longcatSpecs(config, { experts }),
    operators: (parameters) => longcatOperators(parameters, config),
    run: (x, parameters, dispatcher) => runLongcatBlock(x, parameters, config, { dispatcher }).y,
    cost: (options) => longcatCost(config, options),
  };
}

function ofMoe(config: ResolvedMoeLayer): Costed {
  return {
    specs: (experts) => moeSpecs(d, config, { experts }),
    operators: (parameters) => moeLayerOperators(parameters, config),
    run: (x, parameters, dispatcher) => runMoe(x, parameters, config, { dispatcher }).y,
    cost: (options) => moeCost(d, config, options),
  };
}

const bare = { numExperts: 4, expertHidden: 14, forcedBalance: true };
const latent = { qLoraRank: 6, kvLoraRank: 5, qkNopeHeadDim: 3, qkRopeHeadDim: 2, vHeadDim: 4 };
const variants: Record<string, Costed> = {
  'experts, top-2': ofMoe(resolveMoeLayer(bare, 2)),
  'experts, swiglu, a capacity of twice the even share': ofMoe(
    resolveMoeLayer({ ...bare, activation: 'swiglu', capacityFactor: 2 }, 1),
  ),
  'experts, cosine gate': ofMoe(resolveMoeLayer({ ...bare, logits: 'cosine', cosineWidth: 6 }, 1)),
  // Every expert is chosen by every token, half of them without a network.
  'experts, zero experts': ofMoe(
    resolveMoeLayer({ ...bare, forcedBalance: false, numExperts: 2, numZeroExperts: 2, topK: 4 }, 1),
  ),
  'experts that choose': ofMoe(
    resolveMoeLayer({ ...bare, forcedBalance: false, routing: 'expertChoice', capacityFactor: 1 }, 1),
  ),
  'shared expert': ofMoe(resolveSharedMoeLayer({ ...bare, sharedHidden: 10 })),
  'shared expert, shortcut with a norm': ofMoe(resolveScMoeLayer({ ...bare, norm: 'rms' })),
  'two choices (DGMoE)': ofMoe(resolveDgMoeLayer({ ...bare, forcedBalance: false })),
  ...Object.fromEntries(
    blockKinds.flatMap((kind) => [
      [`pair, ${kind}`, ofPair({ kind, forcedBalance: kind !== 'dgmoe' })],
      [`block, ${kind}`, ofBlock(kind)],
    ]),
  ),
  ...Object.fromEntries(mixes.map((mix) => [`pair, ${mix}`, ofPair({ mix })])),
  ...Object.fromEntries((['pos1', 'pos3'] as const).map((position) => [`pair, ${position}`, ofPair({ position })])),
  'pair, rms, swiglu, grouped keys, no biases, postNorm, no shortcut norm': ofPair({
    norm: 'rms',
    activation: 'swiglu',
    numKvHeads: 1,
    attentionBias: false,
    postNorm: true,
    shortcutNorm: 'none',
  }),
  'pair, dense, swiglu with biases': ofPair({ kind: 'dense', activation: 'swiglu', ffnBias: true }),
  'LongCat block': ofLongcat({}),
  'LongCat block, latent attention': ofLongcat({ latent }),
  'LongCat block, latent attention without a latent of queries, larger values': ofLongcat({
    latent: { ...latent, qLoraRank: undefined, vHeadDim: 7 },
  }),
};

const input = () => tf.randomNormal<tf.Rank.R3>([batch, sequenceLength, d], 0, 1, 'float32', 7);

/** What the kernels of one pass without and one with gradients of everything do. */
function counted(
  { specs, run }: Costed,
  { experts = allExperts, dispatcher }: { experts?: ExpertShard; dispatcher?: Dispatcher } = {},
): KernelCounts {
  const specsHere = specs(experts);
  const parameters = initializeParameters(specsHere, { seed: 3, standardDeviation: 0.4 });
  const trained = Object.entries(parameters).filter(([name]) => !specsHere[name]!.buffer);
  const variables = Object.fromEntries(
    [...trained, ['x', input()] as const].map(([name, tensor]) => [name, tf.variable(tensor)]),
  );
  const { forwardFlops, forwardBytes } = countKernels(() => run(input(), parameters, dispatcher));
  const { backwardFlops, backwardBytes } = countKernels(() =>
    valueAndGrads(
      () =>
        tf.sum(tf.square(run(variables['x'] as unknown as tf.Tensor3D, { ...parameters, ...variables }, dispatcher))),
      variables,
    ),
  );
  tf.dispose(variables);
  return { forwardFlops, backwardFlops, forwardBytes, backwardBytes };
}

describe('the cost of a layer', () => {
  beforeAll(async () => {
    await useBackend('auto', { threads: 1 });
  });
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());

  if (availableBackends().length > 1) {
    it.each(Object.entries(variants))('is what its kernels do, to the last operation and byte: %s', (_, layer) => {
      const { allToAllBytes, ...own } = layer.cost({ tokens, sequenceLength }).total;
      expect(own).toEqual(counted(layer));
      expect(allToAllBytes).toBe(0);
    });

    const shared: [string, Costed, 'bf16'?][] = [
      ['dropless', ofPair({})],
      ['dropless, top-2, rows as bf16', ofPair({ topK: 2 }), 'bf16'],
      ['capacity, swiglu', ofPair({ capacityFactor: 1.5, activation: 'swiglu' })],
      ['LongCat block', ofLongcat({ latent })],
    ];
    it.each(shared.flatMap(([name, layer, as]) => [2, 4].map((worldSize) => [name, worldSize, layer, as] as const)))(
      'is what its kernels do and what leaves its rank: %s, %i ranks',
      (_, worldSize, layer, as) => {
        const { communicator, sent } = mirrorCommunicator(worldSize);
        const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: 4, as });
        const options = { tokens, sequenceLength, worldSize, bytesPerElementSent: as ? 2 : 4 };
        const { allToAllBytes, ...own } = layer.cost(options).total;
        expect(own).toEqual(counted(layer, { experts: communicator, dispatcher }));

        sent.bytes = 0;
        const parameters = initializeParameters(layer.specs(communicator), { seed: 3 });
        layer.run(input(), parameters, dispatcher);
        expect(allToAllBytes).toBe(sent.bytes);
        expect(sent.bytes).toBeGreaterThan(0);
      },
    );
  }

  it.each(Object.entries(variants).filter(([name]) => !name.includes('capacity')))(
    'has the products of plain TF.js operations: %s',
    async (_, layer) => {
      await tf.setBackend('cpu');
      const parameters = initializeParameters(layer.specs(), { seed: 3 });
      const { forwardFlops } = countKernels(() => layer.run(input(), parameters));
      expect(layer.cost({ tokens, sequenceLength }).total.forwardFlops).toBe(forwardFlops);
    },
  );

  it.each(Object.entries(variants))('has the names and the order of the operators: %s', (_, layer) => {
    const names = layer.operators(initializeParameters(layer.specs(), { seed: 3 })).map(({ name }) => name);
    expect(Object.keys(layer.cost(tokens).operators)).toEqual(names);
  });

  it.each(Object.entries(variants))(
    'moves less in one kernel for each operator, for the same products: %s',
    (_, layer) => {
      const [own, fused] = [false, true].map((fused) => layer.cost({ tokens, sequenceLength, fused }).operators);
      for (const [name, cost] of Object.entries(fused!)) {
        expect(cost.forwardFlops).toBe(own![name]!.forwardFlops);
        expect(cost.backwardFlops).toBe(own![name]!.backwardFlops);
        // Sums are counted with fused operators alone.
        if (name === 'output') continue;
        expect(cost.forwardBytes).toBeLessThanOrEqual(own![name]!.forwardBytes);
        expect(cost.backwardBytes).toBeLessThanOrEqual(own![name]!.backwardBytes);
      }
    },
  );

  it('leaves out what a causal mask hides where it is told to', () => {
    const flops = (change: Partial<PairConfig>, countMasked: boolean) =>
      ofPair(change).cost({ tokens, sequenceLength, countMasked }).operators['attention1']!.forwardFlops;
    expect(flops({}, true) - flops({}, false)).toBe(2 * tokens * sequenceLength * d);
    expect(flops({ causal: false }, false)).toBe(flops({ causal: false }, true));
  });

  it('is the sum of the costs of its operators', () => {
    const { operators, total } = ofPair({}).cost({ tokens, worldSize: 2 });
    for (const name of Object.keys(total) as (keyof typeof total)[]) {
      expect(Object.values(operators).reduce((sum, operator) => sum + operator[name], 0)).toBe(total[name]);
    }
  });

  it('is that of the rank with most experts where shares are unequal', () => {
    // 4 experts on 3 ranks: 1, 1 and 2 of them, half as much again as an even share.
    const [even, most] = [2, 3].map((worldSize) => ofPair({}).cost({ tokens, worldSize }).operators['expert']!);
    expect(most!.forwardFlops).toBeCloseTo(1.5 * even!.forwardFlops);
    expect(most!.backwardFlops).toBeCloseTo(1.5 * even!.backwardFlops);
  });

  it('counts a product as two operations for each weight and token, three times that with its gradients', () => {
    // 32 tokens through (12, 20) and (20, 12).
    const { mlp1 } = ofPair({}).cost(32).operators;
    expect(mlp1!.forwardFlops).toBe(2 * 32 * 2 * 12 * 20);
    expect(mlp1!.backwardFlops).toBe(2 * mlp1!.forwardFlops);
  });

  it('has attention in the square of the sequence length', () => {
    const attention = (length: number) =>
      ofPair({}).cost({ tokens: 64, sequenceLength: length }).operators['attention1']!.forwardFlops;
    const scoresAndSums = (length: number) => 2 * 2 * 64 * length * d;
    expect(attention(64) - attention(16)).toBe(scoresAndSums(64) - scoresAndSums(16));
  });

  it('does not depend on numbers of half the size but in bytes', () => {
    const [full, half] = [4, 2].map((bytesPerElement) =>
      ofMoe(resolveMoeLayer(bare, 2)).cost({ tokens, bytesPerElement, worldSize: 2 }),
    );
    expect(half!.total.forwardFlops).toBe(full!.total.forwardFlops);
    // Slots and counts stay as they are: 2 choices of each token in encode and decode, a slot of each row before and
    // after the experts, and the counts of two experts.
    const integers = 4 * (2 * 2 * tokens + 2 * 2 * tokens + 2);
    expect(half!.total.forwardBytes).toBe((full!.total.forwardBytes - integers) / 2 + integers);
    const counts = (4 * 4) / 2;
    expect(half!.total.allToAllBytes).toBe((full!.total.allToAllBytes - counts) / 2 + counts);
  });

  it.each<[string, number | CostOptions, RegExp]>([
    ['no token', 0, /^tokens: expected a positive integer, got 0$/],
    ['half a sequence', { tokens: 12, sequenceLength: 8 }, /^tokens: expected whole sequences of 8, got 12$/],
    ['more ranks than experts', { tokens, worldSize: 5 }, /^numExperts: expected .*5 ranks/],
    ['numbers without size', { tokens, bytesPerElement: 0 }, /^bytesPerElement: expected a number > 0, got 0$/],
  ])('is refused for %s', (_, options, message) => {
    expect(() => ofPair({}).cost(options)).toThrow(message);
  });
});
