import { ArgumentError } from '@scmoe/errors';
import type { CorrectionBiasConfig, Routing } from '@scmoe/gating';
import {
  allExperts,
  expectParametersFit,
  isExpertParameter,
  type ExpertShard,
  type ParameterSpecs,
  type TensorShard,
} from '@scmoe/layer';
import * as tf from '@tensorflow/tfjs';

import {
  expectBalanceRule,
  routerLoads,
  routerQuantiles,
  updateCorrectionBiases,
  type BiasUpdate,
  type RouterLoads,
} from './correctionBiases.js';
import { createVariables, type InitialValues } from './createVariables.js';
import type { ResolvedModelLosses } from './modelLosses.js';
import { expertPasses, modelRouters, routerNames, type ModelRouter } from './modelRouters.js';
import type { ModelExpertSource } from './ModelExpertSource.js';
import type { ResolvedRouterAhead } from '../routerAhead/RouterAheadConfig.js';
import type { ModelStage } from './runStage.js';

/** Where the parameters of a model come from, and which experts it holds. */
export type ModelOptions = InitialValues & {
  /** Which of the experts this rank holds. Default: all. */
  experts?: ExpertShard;
  /** Which slice of attentions, MLPs and shared experts this rank holds. Default: the whole. */
  tensor?: TensorShard;
  /**
   * Computes the routed experts, from a disk for one: the model has no parameters of them then, and is for inference.
   * Default: they are parameters like all others.
   */
  expertSource?: ModelExpertSource;
};

/** What a model is made of, as far as all models are alike. */
export interface ResolvedModel {
  numLayers: number;
  stages: readonly ModelStage[];
  routerLosses: ResolvedModelLosses;
  routerAhead?: ResolvedRouterAhead;
}

/**
 * What language and vision models share: their variables, their experts' shard, and the balance of their routers.
 *
 * With `experts`, the ranks of an expert-parallel group hold a share of the experts each, and everything else alike. With `tensor`,
 * those of a tensor-parallel group hold a slice each of attentions, MLPs and shared experts; norms, routers, embeddings and head
 * are whole on every rank. Shares and slices have the numbers that they have in the whole model.
 */
export abstract class StagedModel<Config extends object, Resolved extends ResolvedModel> {
  /** Parameters by name, all trained by gradient: `block0.attn1.wq`, `normFinal.weight`. */
  readonly variables: Record<string, tf.Variable>;
  /**
   * State that no gradient trains, by name: `block0.router.correctionBias`, and what was frozen. Part of the model like the
   * variables.
   */
  readonly buffers: Record<string, tf.Variable>;
  /** Which of the experts are here. */
  readonly experts: ExpertShard;
  /** Which slice of attentions, MLPs and shared experts is here. */
  readonly tensor: TensorShard;
  /** What computes the routed experts, where they are not among the variables. */
  protected readonly expertSource: ModelExpertSource | undefined;
  /** Variables and buffers. */
  protected readonly all: Record<string, tf.Variable>;
  /** What the configuration says of them. */
  protected readonly specs: ParameterSpecs;

  protected constructor(
    readonly config: Config,
    protected readonly resolved: Resolved,
    specsOf: (resolved: Resolved, options: { experts: ExpertShard; tensor: TensorShard }) => ParameterSpecs,
    { experts = allExperts, tensor = { rank: 0, size: 1 }, expertSource, ...initial }: ModelOptions,
  ) {
    const { shards = 1 } = experts;
    this.experts = { rank: experts.rank, size: experts.size, ...(shards > 1 && { shards }) };
    this.tensor = { rank: tensor.rank, size: tensor.size };
    this.expertSource = expertSource;
    if (expertSource && experts.size > 1)
      throw new ArgumentError(`experts: expected none shared out beside expertSource, got ${experts.size} ranks`);
    const specs = specsOf(resolved, { experts, tensor });
    this.specs = expertSource ? withoutExperts(specs) : specs;
    expectParametersFit(this.specs, config);
    const { variables, buffers, all } = createVariables(this.specs, initial, resolved);
    this.variables = variables;
    this.buffers = buffers;
    this.all = all;
  }

  /** Routed experts of each layer that has some, those of all ranks; 0 for a dense model. */
  get numExperts(): number {
    return this.resolved.stages.find(({ config }) => config.moe)?.config.moe?.numExperts ?? 0;
  }

  /** What the routings of a pass are of, in their order: `block1.router`, `block1.router (2 of 2)`; `routerAhead.router`. */
  get routerNames(): string[] {
    return routerNames(this.routers());
  }

  /** The blocks or pairs through whose experts tokens go in a pass, in that order; one of DGMoE, whose tokens go twice, twice. */
  get expertPasses(): string[] {
    return expertPasses(this.resolved.stages);
  }

  /** How often tokens go through the experts of each stage in a pass: 0 of a dense one, 2 of one of DGMoE. */
  get expertPassesOfStages(): number[] {
    return this.resolved.stages.map(({ config: { moe } }) => (moe ? (moe.dual ? 2 : 1) : 0));
  }

  /** Width of a token between the stages. */
  get width(): number {
    return this.resolved.stages[0]!.config.dModel;
  }

  /** Coefficients of the losses of the routers, those of all the model's layers; 0 where a loss is off. */
  get routerCoefficients(): Record<string, number> {
    const { balance: _, ...coefficients } = this.resolved.routerLosses;
    return coefficients;
  }

  /** All parameters, with the experts of all ranks. */
  numParameters(): number {
    return this.costs().numParameters;
  }

  /** Parameters that one token meets: topK of the routed experts, and everything else. */
  numActiveParameters(): number {
    return this.costs().numActiveParameters;
  }

  /**
   * Choices of each expert before any was dropped, of every router with a correction bias, by the bias's name: (N + Z)
   * each. Of the `routings` of one step, or summed over its micro-batches and ranks before `updateCorrectionBias`. The
   * caller disposes them.
   */
  routerLoads(routings: readonly Routing[]): Record<string, tf.Tensor1D> {
    return routerLoads(this.routers(), this.buffers, routings);
  }

  /**
   * Measures what the rule `quantile` goes by, for every router with a correction bias, by the bias's name: the
   * `balanceQuantiles` of @scmoe/gating, (N + 1) each. Of the `routings` of one step, or summed over its micro-batches and
   * ranks before `updateCorrectionBias`. The caller disposes them.
   *
   * @throws ArgumentError for routers that the rule does not suit, see `expectBalanceRule`
   */
  routerQuantiles(routings: readonly Routing[]): Record<string, tf.Tensor1D> {
    return routerQuantiles(this.routers(), this.buffers, routings);
  }

  /**
   * Makes sure that a rule can move the correction biases of this model: `quantile` has no groups of experts, no zero
   * experts and no DGMoE.
   *
   * @throws ArgumentError naming the option that stands against it
   */
  expectBalanceRule(rule: CorrectionBiasConfig['biasUpdateRule']): void {
    expectBalanceRule(this.routers(), rule);
  }

  /**
   * Moves the correction biases of the routers towards an even load, once after a step (arXiv 2408.15664). Ranks that
   * train one model have to give the same loads: those of all ranks together.
   *
   * @param loads as `routerLoads` gives them, or `routerQuantiles` for the rule `quantile`
   */
  updateCorrectionBias(loads: RouterLoads, options: BiasUpdate = {}): void {
    updateCorrectionBiases(this.routers(), this.buffers, loads, options);
  }

  /** Frees all variables and buffers. */
  dispose(): void {
    tf.dispose(this.all);
  }

  private routers(): ModelRouter[] {
    return modelRouters(this.resolved);
  }

  protected abstract costs(): { numParameters: number; numActiveParameters: number };
}

function withoutExperts(specs: ParameterSpecs): ParameterSpecs {
  return Object.fromEntries(Object.entries(specs).filter(([name]) => !isExpertParameter(name)));
}
