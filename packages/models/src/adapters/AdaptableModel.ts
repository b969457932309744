import { ArgumentError, expectThat } from '@scmoe/errors';
import { isRouterBuffer } from '@scmoe/gating';
import { isExpertParameter } from '@scmoe/layer';
import type { Seed } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { createVariables, type InitialValues } from '../stages/createVariables.js';
import type { DispatchOptions } from '../stages/runStages.js';
import { StagedModel, type ResolvedModel } from '../stages/StagedModel.js';
import { adaptedParameters, type AdaptedParameters } from './adaptedParameters.js';
import { factorNames, type AdapterPlan } from './AdapterPlan.js';
import { adapterSpecs } from './adapterSpecs.js';
import { planAdapter, type AdapterOptions } from './planAdapter.js';

/** A model parts of which can be frozen, and whose matrices can have low-rank adapters (LoRA, arXiv 2106.09685). */
export abstract class AdaptableModel<Config extends object, Resolved extends ResolvedModel> extends StagedModel<
  Config,
  Resolved
> {
  private plan: AdapterPlan | undefined;

  /** Which matrices have adapters, and with which factors; undefined where none has. */
  get adapter(): AdapterPlan | undefined {
    return this.plan;
  }

  /**
   * Plans adapters for this model.
   *
   * @throws ArgumentError naming the option that cannot be
   */
  planAdapter(options: AdapterOptions): AdapterPlan {
    return planAdapter(this.specs, options);
  }

  /**
   * Gives matrices their adapters and freezes all else: from now on `variables` are those of the adapters alone, and the
   * parameters are among the `buffers`. Fresh adapters change nothing of what the model computes.
   *
   * @param initial a seed of fresh ones, or their values, which stay the caller's
   * @throws ArgumentError where the model has adapters already, lacks a matrix, or the values do not fit
   */
  adapt(plan: AdapterPlan, initial: InitialValues): void {
    expectThat(this.plan === undefined, 'adapter', 'a model without one (merge it first)', 'one with adapters');
    const { variables } = createVariables(adapterSpecs(this.specs, plan), initial, this.resolved);
    this.freeze(() => true);
    this.plan = plan;
    Object.assign(this.variables, variables);
    Object.assign(this.all, variables);
  }

  /** Freezes variables, by their names: they become buffers, which no gradient trains. */
  freeze(isFrozen: (name: string) => boolean): void {
    for (const [name, variable] of Object.entries(this.variables)) {
      if (!isFrozen(name)) continue;
      this.buffers[name] = variable;
      delete this.variables[name];
    }
  }

  /** Adds the adapters to their matrices, W + factor A B, and frees them. What was frozen stays so. */
  mergeAdapter(): void {
    for (const [name, { factor }] of Object.entries(this.plan?.matrices ?? {})) {
      const { a, b } = factorNames(name);
      tf.tidy(() => {
        const delta = tf.matMul(this.all[a]!, tf.mul(this.all[b]!, factor));
        this.all[name]!.assign(tf.add(this.all[name]!, delta));
      });
      for (const factorName of [a, b]) {
        this.all[factorName]!.dispose();
        for (const record of [this.all, this.variables, this.buffers]) delete record[factorName];
      }
    }
    this.plan = undefined;
  }

  /**
   * The parameters of a pass, those of adapters in their place.
   *
   * @param seed of the adapters' dropout, in training
   * @param tensor the ranks that hold the other slices; `dispatcher` knows those that hold them of the experts
   * @throws ArgumentError where there should be one and is none
   */
  protected parametersOfPass({
    training = false,
    seed,
    tensor,
    dispatcher,
  }: { training?: boolean; seed?: Seed } & Pick<DispatchOptions, 'tensor' | 'dispatcher'> = {}): AdaptedParameters {
    const isPlain = Object.keys(this.buffers).every(isRouterBuffer);
    if (isPlain) return { parameters: this.all, expectAllUsed: () => undefined };
    const drops = training && (this.plan?.dropout ?? 0) > 0;
    if (drops && seed === undefined)
      throw new ArgumentError(`dropoutSeed: expected a seed for training with adapters that drop out, got none`);
    const isFrozen = (name: string) => name in this.buffers;
    const shards = dispatcher?.shardGroup;
    const { shards: numShards = 1 } = this.experts;
    const ofExpert = training && numShards > 1 && Object.keys(this.plan?.matrices ?? {}).find(isExpertParameter);
    if (ofExpert && shards?.size !== numShards)
      throw new ArgumentError(
        `dispatcher: expected one with the ${numShards} ranks that hold the slices of the experts (shardGroup), for the adapter of ${ofExpert}, got ${shards ? `one with ${shards.size}` : 'none'}`,
      );
    return adaptedParameters(this.all, { plan: this.plan, isFrozen, seed: drops ? seed : undefined, tensor, shards });
  }
}
