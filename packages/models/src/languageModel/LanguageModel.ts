import type { CorrectionBiasOptions, Routing } from '@scmoe/gating';
import {
  allExperts,
  below,
  normalize,
  parameter,
  tidyRecord,
  type ExpertShard,
  type ParameterRecord,
} from '@scmoe/layer';
import { dropout, embedding, linear, softmaxCrossEntropy } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { generate, type GenerateOptions } from '../generation/generate.js';
import { routerLoads, updateCorrectionBiases, type RouterLoads } from '../stages/correctionBiases.js';
import { createVariables, type InitialValues } from '../stages/createVariables.js';
import { addRouterLosses, auxiliaryLoss, type LossResult } from '../stages/routerLosses.js';
import type { StageCache } from '../stages/runStage.js';
import { checkDispatcher, runStages, seedOfStep, type DispatchOptions } from '../stages/runStages.js';
import { languageModelCosts } from './languageModelCosts.js';
import { languageModelSpecs } from './languageModelSpecs.js';
import type { ResolvedLanguageModel } from './ResolvedLanguageModel.js';

/** Keys and values of the tokens so far. Holds tensors: tf.dispose it. */
export type ModelCache = {
  /** Tokens so far. */
  length: number;
  stages: StageCache[];
};

/** Where the parameters of a model come from, and which experts it holds. */
export type ModelOptions = InitialValues & {
  /** Which of the experts this rank holds. Default: all. */
  experts?: ExpertShard;
};

/** How a pass runs. */
export interface ForwardOptions extends DispatchOptions {
  /** Switches dropout and the routers' noise and jitter on. */
  training?: boolean;
  /** Seed of this step's dropout masks and router noise. */
  dropoutSeed?: number;
  /** Tokens that `ids` continues. */
  past?: ModelCache;
  /** Return the keys and values of all tokens. */
  keepCache?: boolean;
  /** Return the output of every block or pair. */
  keepHiddenStates?: boolean;
}

/** What a pass gives. */
export type ForwardResult = {
  /** (B, S, vocabSize) */
  logits: tf.Tensor3D;
  /** Load-balance loss of all layers. */
  auxiliaryLoss: tf.Scalar;
  /** Of each block or pair that has experts; of DGMoE, which chooses twice, two. */
  routings: Routing[];
  /** With `keepHiddenStates`: (B, S, dModel) after each block or pair, before the final norm. */
  hiddenStates?: tf.Tensor3D[];
  /** With `keepCache`. */
  cache?: ModelCache;
};

/**
 * What causal language models share: an embedding, blocks one after the other, a norm and a head; their losses, and
 * generation. A family is a class of its own that says how its configuration becomes blocks.
 *
 * With `experts`, the ranks of an expert-parallel group hold a share of the experts each, and everything else alike. A
 * share has the numbers that those experts have in the whole model.
 */
export abstract class LanguageModel<Config> {
  /** Parameters by name, all trained by gradient: `embedding`, `block0.attn1.wq`, `normFinal.weight`. */
  readonly variables: Record<string, tf.Variable>;
  /** State that no gradient trains, by name: `block0.router.correctionBias`. Part of the model like the variables. */
  readonly buffers: Record<string, tf.Variable>;
  /** Which of the experts are here. */
  readonly experts: ExpertShard;
  private readonly resolved: ResolvedLanguageModel;
  /** Variables and buffers. */
  private readonly all: Record<string, tf.Variable>;

  protected constructor(
    readonly config: Config,
    resolved: ResolvedLanguageModel,
    { experts = allExperts, ...initial }: ModelOptions,
  ) {
    this.resolved = resolved;
    this.experts = { rank: experts.rank, size: experts.size };
    const specs = languageModelSpecs(this.resolved, { experts });
    const { variables, buffers, all } = createVariables(specs, initial, { numLayers: resolved.numLayers });
    this.variables = variables;
    this.buffers = buffers;
    this.all = all;
  }

  /** All parameters, with the experts of all ranks. */
  numParameters(): number {
    return languageModelCosts(this.resolved).numParameters;
  }

  /** Parameters that one token meets: topK of the routed experts, and everything else. */
  numActiveParameters(): number {
    return languageModelCosts(this.resolved).numActiveParameters;
  }

  /** Operations of forward and backward per token of a full sequence; the formula is at {@link languageModelCosts}. */
  flopsPerToken(): number {
    return languageModelCosts(this.resolved).flopsPerToken;
  }

  /**
   * Scores of the next token at every position of `ids`, int32 (B, S). Reads nothing on the host. The caller disposes
   * the result.
   */
  forward(ids: tf.Tensor2D, options: ForwardOptions = {}): ForwardResult {
    return tidyRecord(() => {
      const { hidden, routings, ...kept } = this.hidden(ids, options);
      const [batch, length] = ids.shape;
      const logits: tf.Tensor3D = tf.reshape(this.scores(hidden), [batch, length, this.resolved.vocabSize]);
      return { logits, auxiliaryLoss: auxiliaryLoss(routings, this.resolved.routerLosses), routings, ...kept };
    });
  }

  /**
   * Loss of predicting `targets` from `ids`, both int32 (B, S); targets of -100 do not count. Reads nothing on the host.
   * The caller disposes the result.
   */
  loss({ ids, targets }: { ids: tf.Tensor2D; targets: tf.Tensor2D }, options: ForwardOptions = {}): LossResult {
    if (targets.shape.join() !== ids.shape.join() || targets.dtype !== 'int32') {
      throw new Error(
        `targets: expected int32 of the shape of ids, (${ids.shape.join(', ')}), got ${targets.dtype} (${targets.shape.join(', ')})`,
      );
    }
    return tidyRecord(() => {
      const { hidden, routings } = this.hidden(ids, options);
      const crossEntropy = softmaxCrossEntropy(this.scores(hidden), tf.reshape(targets, [-1]));
      return addRouterLosses(crossEntropy, routings, this.resolved.routerLosses, { numSequences: ids.shape[0] });
    });
  }

  /**
   * Choices of each expert before any was dropped, of every router with a correction bias, by the bias's name: (N + Z)
   * each. Of the `routings` of one step, or summed over its micro-batches and ranks before `updateCorrectionBias`. The
   * caller disposes them.
   */
  routerLoads(routings: readonly Routing[]): Record<string, tf.Tensor1D> {
    return routerLoads(this.resolved.stages, this.buffers, routings);
  }

  /**
   * Moves the correction biases of the routers towards an even load, once after a step (arXiv 2408.15664). Ranks that
   * train one model have to give the same loads: those of all ranks together.
   *
   * @param loads as `routerLoads` gives them
   */
  updateCorrectionBias(
    loads: RouterLoads,
    options: Pick<CorrectionBiasOptions, 'rule' | 'updateRate' | 'expectedTopK'> = {},
  ): void {
    updateCorrectionBiases(this.resolved.stages, this.buffers, loads, options);
  }

  /**
   * Continues a prompt, token by token, and returns the new tokens. Ranks that share the experts out generate together:
   * prompts of one length, the same options.
   * @throws Error for an empty prompt, an id outside the vocabulary or an impossible sampling option.
   */
  generate(
    promptIds: readonly number[],
    { dispatcher, overlap, ...options }: GenerateOptions & DispatchOptions,
  ): Promise<number[]> {
    const { vocabSize, sequenceLength } = this.resolved;
    return generate<ModelCache>(
      { vocabSize, sequenceLength, nextToken: (ids, past) => this.nextTokenLogits(ids, { past, dispatcher, overlap }) },
      promptIds,
      options,
    );
  }

  /** Frees all variables and buffers. */
  dispose(): void {
    tf.dispose(this.all);
  }

  /** Scores (vocabSize) of the token after the last of `ids`, and the cache that includes them. */
  private nextTokenLogits(
    ids: readonly number[],
    options: Pick<ForwardOptions, 'past' | keyof DispatchOptions>,
  ): { logits: tf.Tensor1D; cache: ModelCache } {
    return tidyRecord(() => {
      const { hidden, cache } = this.hidden(tf.tensor2d([ids as number[]], undefined, 'int32'), {
        ...options,
        keepCache: true,
      });
      const last = tf.slice(hidden, [0, ids.length - 1, 0], [1, 1, this.resolved.dModel]);
      return { logits: tf.reshape(this.scores(last), [-1]), cache: cache! };
    });
  }

  /** Output of the last block, normalised: (B, S, dModel). */
  private hidden(
    ids: tf.Tensor2D,
    { training = false, dropoutSeed, past, keepCache = false, keepHiddenStates = false, ...dispatch }: ForwardOptions,
  ): { hidden: tf.Tensor3D; routings: Routing[]; cache?: ModelCache; hiddenStates?: tf.Tensor3D[] } {
    const start = past?.length ?? 0;
    this.checkIds(ids, start);
    const { stages, dropout: rate } = this.resolved;
    checkDispatcher(stages, this.experts, dispatch.dispatcher);
    const seed = training ? seedOfStep(stages, dropoutSeed) : undefined;

    let x = this.embed(ids, start);
    if (seed !== undefined && rate > 0) x = dropout(x, { rate, seed, stream: 0 }) as tf.Tensor3D;
    const { y, routings, caches, hiddenStates } = runStages(x, stages, this.all, {
      past: past?.stages,
      keepCache,
      keepHiddenStates,
      training,
      seed,
      ...dispatch,
    });
    return {
      hidden: normalize(y, below(this.variables, 'normFinal'), this.resolved),
      routings,
      ...(caches && { cache: { length: start + ids.shape[1], stages: caches } }),
      ...(hiddenStates && { hiddenStates }),
    };
  }

  private embed(ids: tf.Tensor2D, start: number): tf.Tensor3D {
    const tokens = embedding(ids, parameter<tf.Tensor2D>(this.variables, 'embedding')) as tf.Tensor3D;
    if (this.resolved.positions === 'rotary') return tokens;
    const positions = parameter<tf.Tensor2D>(this.variables, 'positions');
    return tf.add(tokens, tf.slice(positions, [start, 0], [ids.shape[1], this.resolved.dModel]));
  }

  /** (..., dModel) -> (T, vocabSize) */
  private scores(hidden: tf.Tensor): tf.Tensor2D {
    const rows: tf.Tensor2D = tf.reshape(hidden, [-1, this.resolved.dModel]);
    const variables: ParameterRecord = this.variables;
    if (!this.resolved.tiedEmbeddings)
      return linear(rows, parameter<tf.Tensor2D>(variables, 'head.weight')) as tf.Tensor2D;
    return tf.matMul(rows, parameter<tf.Tensor2D>(variables, 'embedding'), false, true);
  }

  private checkIds(ids: tf.Tensor2D, start: number): void {
    const { sequenceLength } = this.resolved;
    if (ids.rank !== 2 || ids.dtype !== 'int32') {
      throw new Error(`ids: expected int32 of shape (batch, sequence), got ${ids.dtype} (${ids.shape.join(', ')})`);
    }
    if (start + ids.shape[1] > sequenceLength) {
      throw new Error(`ids: expected at most sequenceLength = ${sequenceLength} tokens, got ${start + ids.shape[1]}`);
    }
  }
}
