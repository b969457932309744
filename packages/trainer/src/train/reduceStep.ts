import * as tf from '@tensorflow/tfjs';

import type { ParameterPlacement, RankGroups } from '../parallel/RankGroups.js';
import type { StepExecution } from './StepExecution.js';

/** A rank's own share of a step, with gradients that are averaged over the ranks already. */
interface Share {
  loss: tf.Scalar;
  metrics: Record<string, tf.Scalar>;
  grads: Record<string, tf.Tensor>;
}

/** What all ranks then agree on. */
export interface StepValues {
  loss: number;
  metrics: Record<string, number>;
  /** Length of the gradient of the whole model: every parameter once, wherever it lies. */
  gradientNorm: number;
  /** Whether any rank has been asked to stop. */
  stop: boolean;
  /** Rank 0's clock, where one was given. */
  seconds: number | undefined;
}

interface Options extends ParameterPlacement {
  groups?: RankGroups;
  stop: boolean;
  /** What this rank's clock shows, where time decides something: rank 0's counts. */
  seconds: number | undefined;
  norm: StepExecution['norm'];
}

/** The numbers of a step, read to the host: on several ranks their means, the same bits on each of them. */
export async function reduceStep(
  share: Share,
  { groups, isSharded, slicedAxis = () => undefined, stop, norm, seconds }: Options,
): Promise<StepValues> {
  const entries = Object.entries(share.grads);
  const normOf = (list: [string, tf.Tensor][]) => norm(list.map(([, gradient]) => gradient));
  if (!groups) {
    const whole = normOf(entries);
    const [loss, gradientNorm, ...metrics] = await readScalars([share.loss, whole, ...Object.values(share.metrics)]);
    whole.dispose();
    return { loss: loss!, gradientNorm: gradientNorm!, metrics: named(share.metrics, metrics), stop, seconds };
  }

  const { world, tensor, data, replicas, expertShards } = groups;
  // How many ranks hold the same part of a parameter; none for what all hold, which each counts for itself.
  const copies = (name: string): number => {
    const isSliced = slicedAxis(name) !== undefined;
    if (isSharded(name)) return replicas.size * (isSliced ? 1 : expertShards);
    return tensor && isSliced ? data.size : 0;
  };
  const kinds = [0, replicas.size, ...(expertShards > 1 ? [replicas.size * expertShards] : [])];
  if (tensor) kinds.push(data.size);
  const numbers = [...new Set(kinds)];
  const norms = numbers.map((number) => normOf(entries.filter(([name]) => copies(name) === number)));
  const values = await readScalars([...norms, share.loss, ...Object.values(share.metrics)]);
  const [replicated, ...parts] = values.slice(0, norms.length);
  const own = values.slice(norms.length);
  tf.dispose(norms);
  const squaresHere = parts.reduce((sum, length, i) => sum + (length * length) / numbers[i + 1]!, 0);
  // One exchange for all of it. Of what several ranks hold, each counts its part of the length.
  const sums = await world.allReduce(
    Float32Array.from([
      squaresHere,
      Number(stop),
      ...(seconds === undefined ? [] : [world.rank === 0 ? seconds : 0]),
      ...own.map((value) => value / world.size),
    ]),
  ).done;
  const [squares, stops, ...others] = sums;
  const agreed = seconds === undefined ? undefined : others.shift();
  const [loss, ...metrics] = others;
  return {
    loss: loss!,
    gradientNorm: Math.fround(Math.sqrt(replicated! * replicated! + squares!)),
    metrics: named(share.metrics, metrics),
    stop: stops! > 0,
    seconds: agreed,
  };
}

function named(metrics: Record<string, tf.Scalar>, values: number[]): Record<string, number> {
  return Object.fromEntries(Object.keys(metrics).map((name, i) => [name, values[i]!]));
}

function readScalars(scalars: tf.Scalar[]): Promise<number[]> {
  return Promise.all(scalars.map(async (scalar) => (await scalar.data())[0]!));
}
