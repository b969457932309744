import type { Communicator } from '@scmoe/comm';
import { describeLoad, type Routing } from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

/** How one router has worked in a step, over all micro-batches and ranks. */
export interface RouterState {
  /** `block1.router` */
  name: string;
  /** Choices of each expert with a feed-forward network, before any was dropped. */
  load: number[];
  /** Share of these choices that found no slot. */
  droppedShare: number;
  /** Entropy of the load in units of its largest value. */
  entropy: number;
  /** Root mean square of the logits. */
  logitScale: number;
}

/** Adds up what the routers of a model do in a step: a few numbers a layer, read once after it. */
export class RouterMonitor {
  private total: tf.Tensor1D | undefined;
  private sizes: { load: number; kept: number }[] = [];
  private passes = 0;

  constructor(private readonly names: readonly string[] | undefined) {}

  /** What counts of the routings of a micro-batch: a few numbers each. Undefined where there are none. */
  measure(routings: readonly Routing[]): tf.Tensor1D | undefined {
    if (routings.length === 0) return undefined;
    this.sizes = routings.map(({ load, counts }) => ({ load: load.size, kept: counts.size }));
    return tf.tidy(() => tf.concat1d(routings.flatMap(numbersOf)));
  }

  /** Adds what `measure` gave of a micro-batch, which stays the caller's. */
  add(measured: tf.Tensor1D): void {
    const before = this.total;
    this.total = tf.keep(before ? tf.add(before, measured) : measured.clone());
    before?.dispose();
    this.passes++;
  }

  /** What was counted since the last time. Every rank calls it, after the same step. */
  async take(world: Communicator | undefined): Promise<RouterState[]> {
    const { total, sizes, passes } = this;
    if (!total) return [];
    const own = (await total.data()) as Float32Array;
    const sums = world ? await world.allReduce(Float32Array.from(own)).done : own;
    const ranks = world?.size ?? 1;
    let at = 0;
    const next = (count: number) => Array.from(sums.subarray(at, (at += count)));
    const states = sizes.map(({ load: numLoads, kept }, i): RouterState => {
      const load = next(numLoads).slice(0, kept);
      const inSlots = next(kept).reduce((sum, count) => sum + count, 0);
      const [square] = next(1);
      const { droppedShare, entropy } = describeLoad(load, inSlots);
      const name = this.names?.[i] ?? `router ${i + 1} of ${sizes.length}`;
      return { name, load, droppedShare, entropy, logitScale: Math.sqrt(square! / (passes * ranks)) };
    });
    this.reset();
    return states;
  }

  /** Forgets what was counted. */
  reset(): void {
    tf.dispose(this.total ?? []);
    this.total = undefined;
    this.passes = 0;
  }
}

/** (M + N + 1): the load, what found a slot, and the mean square of the logits. */
function numbersOf({ load, counts, logits }: Routing): tf.Tensor1D[] {
  const asNumbers = (counts: tf.Tensor): tf.Tensor1D => tf.cast(counts as tf.Tensor1D, 'float32');
  return [asNumbers(load), asNumbers(counts), tf.reshape(tf.mean(tf.square(logits)), [1])];
}
