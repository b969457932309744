import type { Communicator } from '@scmoe/comm';
import type { Routing } from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

import type { RunModel } from './RunModel.js';

/** What moves the correction biases of a model's routers after every step, by the load of all its micro-batches on all ranks. */
export class RouterBalancer {
  private loads: Record<string, tf.Tensor1D> = {};

  constructor(
    private readonly model: RunModel,
    private readonly updateRate: number,
  ) {}

  /** Counts the choices of a micro-batch. */
  add(routings: readonly Routing[]): void {
    for (const [name, load] of Object.entries(this.model.routerLoads(routings))) {
      const before = this.loads[name];
      this.loads[name] = tf.keep(before ? tf.add(before, load) : load.clone());
      tf.dispose([load, before ?? []]);
    }
  }

  /** Every rank calls it, after the same step. */
  async update(world: Communicator | undefined): Promise<void> {
    const loads: Record<string, Float32Array> = {};
    for (const [name, load] of Object.entries(this.loads)) {
      const own = (await load.data()) as Float32Array;
      loads[name] = world ? await world.allReduce(own).done : own;
    }
    this.reset();
    if (Object.keys(loads).length > 0) this.model.updateCorrectionBias(loads, { updateRate: this.updateRate });
  }

  /** Forgets what was counted. */
  reset(): void {
    tf.dispose(this.loads);
    this.loads = {};
  }
}
