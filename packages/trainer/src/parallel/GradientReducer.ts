import type { Communicator, Work } from '@scmoe/comm';
import * as tf from '@tensorflow/tfjs';

import type { ParameterPlacement, RankGroups } from './RankGroups.js';
import { WaitingGradients } from './WaitingGradients.js';

/** Options of `GradientReducer`. */
export interface GradientReducerOptions extends ParameterPlacement {
  /** Gradients travel together until they are so large; the last one counts whole. */
  bucketBytes?: number;
  /** Lets gradients that all ranks hold wait until somebody says that the network is idle. Default: they travel at once. */
  pacing?: GradientPacing;
}

/**
 * When the averaging of gradients travels. Parts go in the order in which gradients become final, at places that every rank comes to in
 * the same order; what nobody has asked for goes at the end.
 */
export interface GradientPacing {
  /** Bytes of a part of the step that begins; undefined: all travels at once, in buckets. The same on all ranks. */
  partBytes(): number | undefined;
  /** Hands over what sends the next parts of those that wait, as many, or fewer where there are not so many, and says how many. */
  attach(release: (parts: number) => number): void;
  /** Hears at the end of a step how many bytes there were that could wait. */
  averaged(bytes: number): void;
}

interface Bucket {
  group: Communicator;
  op: 'mean' | 'sum';
  names: string[];
  parts: tf.Tensor[];
  bytes: number;
}

interface Sent {
  names: string[];
  shapes: number[][];
  work: Work<tf.Tensor>;
}

/** Bytes of a bucket. */
export const defaultBucketBytes = 4 * 2 ** 20;

/**
 * Averages gradients over the ranks while the backward pass still runs: `add` takes each gradient as soon as it is final,
 * full buckets travel at once, `finish` waits for the last. Buckets are made in the order of `add`, which is the same on
 * every rank because every rank runs the same operations.
 * With `pacing` those that all ranks hold wait for places between exchanges instead. Over Gloo that changes no bit, for each number
 * is the sum over the ranks in their order, wherever it travels; over NCCL, with more than two ranks, the place in a buffer decides.
 *
 * A replicated parameter's gradient becomes the mean over all ranks, a slice's that over the ranks that hold the same slice. An expert's gradient already holds what the tokens of
 * its whole group had to say; it becomes the sum over its replicas, divided by the number of ranks with tokens of
 * their own, which is the same mean.
 */
export class GradientReducer {
  private readonly groups: RankGroups;
  private readonly isSharded: (name: string) => boolean;
  private readonly slicedAxis: (name: string) => number | undefined;
  private readonly bucketBytes: number;
  private readonly replicated: Bucket;
  private readonly sliced: Bucket;
  private readonly sharded: Bucket;
  private readonly pacing: GradientPacing | undefined;
  private waiting: WaitingGradients | undefined;
  private replicatedBytes = 0;
  private sent: Sent[] = [];
  private done: Record<string, tf.Tensor> = {};

  constructor(
    groups: RankGroups,
    { isSharded, slicedAxis = () => undefined, bucketBytes = defaultBucketBytes, pacing }: GradientReducerOptions,
  ) {
    this.pacing = pacing;
    pacing?.attach((parts) => this.waiting?.release(parts) ?? 0);
    this.groups = groups;
    this.isSharded = isSharded;
    this.slicedAxis = slicedAxis;
    this.bucketBytes = bucketBytes;
    this.replicated = { group: groups.world, op: 'mean', names: [], parts: [], bytes: 0 };
    this.sliced = { group: groups.data, op: 'mean', names: [], parts: [], bytes: 0 };
    this.sharded = { group: groups.replicas, op: 'sum', names: [], parts: [], bytes: 0 };
  }

  /** Takes a rank's own gradient, the mean over its tokens; the caller goes on owning the tensor. */
  add(name: string, gradient: tf.Tensor): void {
    const { tensor, data, replicas } = this.groups;
    if (!this.isSharded(name)) {
      const isSlice = tensor !== undefined && this.slicedAxis(name) !== undefined;
      if (isSlice) return this.put(this.sliced, name, gradient.clone());
      const partBytes = this.pacing?.partBytes();
      if (this.replicatedBytes === 0 && partBytes !== undefined)
        this.waiting = new WaitingGradients(this.groups.world, partBytes);
      this.replicatedBytes += gradient.size * 4;
      if (this.waiting) this.waiting.add(name, gradient);
      else this.put(this.replicated, name, gradient.clone());
      return;
    }
    const share = tf.mul(gradient, 1 / data.size);
    if (replicas.size === 1) this.done[name] = share;
    else this.put(this.sharded, name, share);
  }

  /**
   * Waits for what still travels.
   *
   * @returns the averaged gradients of all that was added, by name; the caller disposes them
   * @throws CommError where a rank failed
   */
  async finish(): Promise<Record<string, tf.Tensor>> {
    this.waiting?.flush(this.bucketBytes);
    this.send(this.replicated);
    this.send(this.sliced);
    this.send(this.sharded);
    const { done } = this;
    if (this.waiting) Object.assign(done, await this.waiting.finish());
    for (const { names, shapes, work } of this.sent) {
      const flat = await work.done;
      const sizes = shapes.map((shape) => tf.util.sizeFromShape(shape));
      const parts = tf.tidy(() => tf.split(flat, sizes).map((part, i) => tf.reshape(part, shapes[i]!)));
      names.forEach((name, i) => (done[name] = parts[i]!));
      flat.dispose();
    }
    this.pacing?.averaged(this.replicatedBytes);
    this.replicatedBytes = 0;
    this.waiting = undefined;
    this.sent = [];
    this.done = {};
    return done;
  }

  private put(bucket: Bucket, name: string, gradient: tf.Tensor): void {
    bucket.names.push(name);
    bucket.parts.push(gradient);
    bucket.bytes += gradient.size * 4;
    if (bucket.bytes >= this.bucketBytes) this.send(bucket);
  }

  private send(bucket: Bucket): void {
    const { group, op, names, parts } = bucket;
    if (parts.length === 0) return;
    const flat = tf.tidy(() => tf.concat(parts.map((part) => tf.reshape(part, [-1]))));
    // The communicator holds on to the data until it has travelled.
    this.sent.push({ names, shapes: parts.map(({ shape }) => shape), work: group.allReduce<tf.Tensor>(flat, { op }) });
    tf.dispose([flat, parts]);
    Object.assign(bucket, { names: [], parts: [], bytes: 0 });
  }
}
