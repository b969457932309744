import type { Communicator } from '@scmoe/comm';
import { UserError } from '@scmoe/errors';
import {
  correctionBiasOptions,
  isRouterBuffer,
  resolveOptions,
  type CorrectionBiasConfig,
  type ResolvedCorrectionBias,
  type Routing,
} from '@scmoe/gating';
import * as tf from '@tensorflow/tfjs';

import type { RunModel } from './RunModel.js';

/**
 * What moves the correction biases of a model's routers after every step, by what all its micro-batches on all ranks have
 * chosen.
 */
export class RouterBalancer {
  private sums: Record<string, tf.Tensor1D> = {};

  constructor(
    private readonly model: RunModel,
    private readonly options: ResolvedCorrectionBias,
  ) {}

  /** What counts of the choices of a micro-batch, by the name of the bias; nothing where biases don't move. */
  measure(routings: readonly Routing[]): Record<string, tf.Tensor1D> {
    const { biasUpdateRate, biasUpdateRule } = this.options;
    if (biasUpdateRate === 0) return {};
    return biasUpdateRule === 'quantile' ? this.model.routerQuantiles(routings) : this.model.routerLoads(routings);
  }

  /** Adds what `measure` gave of a micro-batch, which stays the caller's. */
  add(measured: Record<string, tf.Tensor1D>): void {
    for (const [name, own] of Object.entries(measured)) {
      const before = this.sums[name];
      this.sums[name] = tf.keep(before ? tf.add(before, own) : own.clone());
      before?.dispose();
    }
  }

  /** Every rank calls it, after the same step. */
  async update(world: Communicator | undefined): Promise<void> {
    const sums: Record<string, Float32Array> = {};
    for (const [name, sum] of Object.entries(this.sums)) {
      const own = (await sum.data()) as Float32Array;
      sums[name] = world ? await world.allReduce(own).done : own;
    }
    this.reset();
    if (Object.keys(sums).length === 0) return;
    const { biasUpdateRule: rule, biasUpdateRate: updateRate, biasDecay: decay, expectedTopK } = this.options;
    this.model.updateCorrectionBias(sums, { rule, updateRate, decay, expectedTopK });
  }

  /** Forgets what was measured. */
  reset(): void {
    tf.dispose(this.sums);
    this.sums = {};
  }
}

/**
 * The balancer that the settings of a run describe.
 *
 * @throws UserError for a rule that does not suit the model's routers, or that has nothing to move
 */
export function createBalancer(model: RunModel, settings: CorrectionBiasConfig): RouterBalancer {
  // A checkpoint of before there was a rule to choose has none.
  const { biasUpdateRate, biasUpdateRule, expectedTopK, biasDecay } = settings;
  const given = Object.entries({ biasUpdateRate, biasUpdateRule, expectedTopK, biasDecay });
  try {
    const options = resolveOptions(
      Object.fromEntries(given.filter(([, value]) => value !== undefined)) as CorrectionBiasConfig,
      correctionBiasOptions,
    );
    if (options.biasUpdateRule === 'quantile' && !Object.keys(model.buffers).some(isRouterBuffer))
      throw new UserError(
        '--bias-update-rule quantile: expected routers with --correction-bias, got none that has one.',
        {
          exitCode: 2,
        },
      );
    model.expectBalanceRule(options.biasUpdateRule);
    return new RouterBalancer(model, options);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`--bias-update-rule: ${(error as Error).message}`, { exitCode: 2, cause: error });
  }
}
