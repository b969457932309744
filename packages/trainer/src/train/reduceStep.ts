import * as tf from '@tensorflow/tfjs';

import type { RankGroups } from '../parallel/RankGroups.js';
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
}

interface Options {
  groups?: RankGroups;
  isSharded: (name: string) => boolean;
  stop: boolean;
  norm: StepExecution['norm'];
}

/** The numbers of a step, read to the host: on several ranks their means, the same bits on each of them. */
export async function reduceStep(share: Share, { groups, isSharded, stop, norm }: Options): Promise<StepValues> {
  const entries = Object.entries(share.grads);
  const normOf = (list: [string, tf.Tensor][]) => norm(list.map(([, gradient]) => gradient));
  if (!groups) {
    const whole = normOf(entries);
    const [loss, gradientNorm, ...metrics] = await readScalars([share.loss, whole, ...Object.values(share.metrics)]);
    whole.dispose();
    return { loss: loss!, gradientNorm: gradientNorm!, metrics: named(share.metrics, metrics), stop };
  }

  const { world, replicas } = groups;
  const norms = [
    normOf(entries.filter(([name]) => !isSharded(name))),
    normOf(entries.filter(([name]) => isSharded(name))),
  ];
  const [replicated, sharded, ...own] = await readScalars([...norms, share.loss, ...Object.values(share.metrics)]);
  tf.dispose(norms);
  // One exchange for all of it. Replicas hold the same experts: each counts its part of their length.
  const sums = await world.allReduce(
    Float32Array.from([(sharded! * sharded!) / replicas.size, Number(stop), ...own.map((value) => value / world.size)]),
  ).done;
  const [squares, stops, loss, ...metrics] = sums;
  return {
    loss: loss!,
    gradientNorm: Math.fround(Math.sqrt(replicated! * replicated! + squares!)),
    metrics: named(share.metrics, metrics),
    stop: stops! > 0,
  };
}

function named(metrics: Record<string, tf.Scalar>, values: number[]): Record<string, number> {
  return Object.fromEntries(Object.keys(metrics).map((name, i) => [name, values[i]!]));
}

function readScalars(scalars: tf.Scalar[]): Promise<number[]> {
  return Promise.all(scalars.map(async (scalar) => (await scalar.data())[0]!));
}
