import type { Communicator } from '@scmoe/comm';
import { randomNormal, RandomStream, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { positions } from '../config/BlockMoeConfig.js';
import { resolvePair, type PairConfig } from '../stages/pair/PairConfig.js';
import { ExpertParallelDispatcher } from '../moe/ExpertParallelDispatcher.js';
import { initializePair } from '../stages/pair/pairSpecs.js';
import { pairOperators } from '../stages/pair/pairOperators.js';
import { runPair, type RunPairOptions } from '../stages/pair/runPair.js';
import { operatorGraph, overlapped } from '../plan/overlapped.js';

export interface RandomPlansReport {
  trials: number;
  /** Sequences of all ranks without a token, plans in chunks, plans with a capacity: that there were some. */
  withoutTokens: number;
  inChunks: number;
  withCapacity: number;
  /** Largest difference to the sequential plan, in units of the largest number of a tensor, and where that was. */
  worst: number;
  worstTrial: string;
  /** Number of trials with other outputs, where there has to be none. */
  differentOutputs: number;
  tensorsLeft: number;
}

const numExperts = 4;
const length = 3;
const pick = <T>(random: RandomStream, values: readonly T[]): T => values[random.int(values.length)]!;

/** The same on every rank. */
function drawTrial(random: RandomStream, size: number) {
  const kind = pick(random, ['standard', 'shared', 'scmoe', 'scmoe', 'scmoe'] as const);
  const config: PairConfig = {
    kind,
    position: pick(random, positions),
    dModel: 8,
    numHeads: 2,
    ffnHidden: 6,
    numExperts,
    topK: 1 + random.int(2),
    capacityFactor: pick(random, [0, 0, 0.6, 1.5]),
    numZeroExperts: pick(random, [0, 0, 1]),
  };
  // Ranks have to agree on the capacity, and with one they have as many tokens each.
  const all = random.int(4);
  const batches = Array.from({ length: size }, () => random.int(4));
  return {
    config,
    batches: config.capacityFactor! > 0 ? batches.map(() => all) : batches,
    chunks: 1 + random.int(5),
    slot: random.uniform(),
    /** A rank that is slower than the others, by so many ms an operator. */
    slow: { rank: random.int(size), ms: random.int(3) },
  };
}

function run(config: PairConfig, x: tf.Tensor, parameters: Record<string, tf.Tensor>, options: RunPairOptions) {
  const variables = Object.fromEntries(
    Object.entries({ x, ...parameters }).map(([name, tensor]) => [name, tf.variable(tensor)]),
  );
  let y: tf.Tensor | undefined;
  const { value, grads } = valueAndGrads(() => {
    const result = runPair(variables['x'] as unknown as tf.Tensor3D, variables, resolvePair(config), options);
    y = tf.keep(tf.clone(result.y));
    return tf.sum(tf.square(result.y));
  }, variables);
  const numbers = Object.entries(grads).map(([name, grad]) => [name, grad.dataSync<'float32'>()] as const);
  const output = y!.dataSync<'float32'>();
  tf.dispose([y!, value, grads, variables]);
  return { output, numbers };
}

const largestOf = (numbers: Float32Array) => numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** Largest difference in units of the largest number, or of `scale` where that is tiny beside it. */
function difference(actual: Float32Array, expected: Float32Array, scale = 1): number {
  const apart = expected.reduce((most, x, i) => Math.max(most, Math.abs(x - actual[i]!)), 0);
  const own = largestOf(expected);
  return apart === 0 ? 0 : apart / (own > 1e-4 * scale ? own : scale);
}

/**
 * Runs each trial sequentially and by its plan, on every rank alike: random kinds, positions, slots, chunks, capacities and uneven
 * loads down to no token at all, one rank slower than the others.
 */
export function runRandomPlans(
  communicator: Communicator,
  { trials, seed }: { trials: number; seed: number },
): RandomPlansReport {
  const { rank, size } = communicator;
  const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts });
  const random = new RandomStream({ seed });
  const report: RandomPlansReport = {
    ...{ trials: 0, withoutTokens: 0, inChunks: 0, withCapacity: 0 },
    ...{ worst: 0, worstTrial: '', differentOutputs: 0, tensorsLeft: 0 },
  };
  const before = tf.memory().numTensors;
  for (let trial = 0; trial < trials; trial++) {
    const { config, batches, chunks, slot, slow } = drawTrial(random, size);
    const x = randomNormal([batches[rank]!, length, 8], { seed: 1000 + trial, stream: rank });
    const parameters = initializePair(config, { seed: trial, standardDeviation: 0.4, experts: communicator });
    const { numSlots } = operatorGraph(pairOperators(parameters, resolvePair(config)));
    const wait = () => {
      const until = performance.now() + (rank === slow.rank ? slow.ms : 0);
      while (performance.now() < until);
    };
    const options = { dispatcher, chunks, plan: overlapped(Math.floor(slot * numSlots)) };
    const expected = run(config, x, parameters, { dispatcher });
    const actual = run(config, x, parameters, { ...options, observer: { begin: wait, end: () => undefined } });

    report.trials++;
    report.withoutTokens += batches.every((batch) => batch === 0) ? 1 : 0;
    report.inChunks += chunks > 1 ? 1 : 0;
    report.withCapacity += config.capacityFactor! > 0 ? 1 : 0;
    report.differentOutputs += difference(actual.output, expected.output) === 0 ? 0 : 1;
    // A key bias has no influence on attention: its gradient is rounding alone, and small beside the others.
    const scale = Math.max(...expected.numbers.map(([, numbers]) => largestOf(numbers)));
    actual.numbers.forEach(([name, numbers], i) => {
      const off = difference(numbers, expected.numbers[i]![1], scale);
      if (!(off <= report.worst)) {
        report.worst = off;
        report.worstTrial = `${name}, slot ${slot * numSlots}, ${chunks} chunks, ${JSON.stringify(config)}`;
      }
    });
    tf.dispose([x, parameters]);
  }
  report.tensorsLeft = tf.memory().numTensors - before;
  return report;
}

/**
 * What of a report is wrong; undefined for nothing. The products of a weight gradient are over the rows of a chunk: another order of
 * the same float32 sums. Outputs have the same bits: a row of a product does not depend on how many rows there are
 * (docs/decisions.md#rows).
 */
export function faultOf({ worst, worstTrial, differentOutputs, tensorsLeft }: RandomPlansReport): string | undefined {
  if (!(worst < 5e-6)) return `a gradient is off by ${worst}: ${worstTrial}`;
  if (differentOutputs > 0) return `${differentOutputs} trials gave other outputs`;
  return tensorsLeft === 0 ? undefined : `${tensorsLeft} tensors are left`;
}
