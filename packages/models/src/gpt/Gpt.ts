import { isRouterBuffer, updateCorrectionBias, type CorrectionBiasOptions, type Routing } from '@scmoe/gating';
import {
  allExperts,
  below,
  checkParameters,
  expertShard,
  initializeParameter,
  normalize,
  parameter,
  tidyRecord,
  type Dispatcher,
  type ExpertShard,
  type ParameterRecord,
} from '@scmoe/layer';
import { dropout, embedding, linear, softmaxCrossEntropy } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { generate, type GenerateOptions } from '../generation/generate.js';
import { gptCosts } from './gptCosts.js';
import { resolveGpt, type GptConfig, type ResolvedGpt } from './GptConfig.js';
import { gptSpecs } from './gptSpecs.js';
import { auxiliaryLoss, routerLosses, type RouterLosses } from './routerLosses.js';
import { runStage, stageRandomness, type StageCache } from './stages.js';

/** Keys and values of the tokens so far. Holds tensors: tf.dispose it. */
export type GptCache = {
  /** Tokens so far. */
  length: number;
  stages: StageCache[];
};

export type GptOptions = {
  /** Which of the experts this rank holds. Default: all. */
  experts?: ExpertShard;
} & (
  | {
      /** Of the initial weights. */
      seed: number;
    }
  | {
      /** Initial values of all variables and buffers. They stay the caller's. */
      parameters: ParameterRecord;
    }
);

export interface DispatchOptions {
  /** Brings tokens to their experts and back. Default: all experts are here. A shard of experts needs one. */
  dispatcher?: Dispatcher;
}

export interface ForwardOptions extends DispatchOptions {
  /** Switches dropout and the routers' noise and jitter on. */
  training?: boolean;
  /** Seed of this step's dropout masks and router noise. */
  dropoutSeed?: number;
  /** Tokens that `ids` continues. */
  past?: GptCache;
  /** Return the keys and values of all tokens. */
  keepCache?: boolean;
  /** Return the output of every block or pair. */
  keepHiddenStates?: boolean;
}

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
  cache?: GptCache;
};

export type LossResult = {
  /** crossEntropy, auxiliaryLoss and routerLosses with their coefficients. */
  loss: tf.Scalar;
  /** Mean over the tokens, in nats. */
  crossEntropy: tf.Scalar;
  auxiliaryLoss: tf.Scalar;
  /** Further losses of the routers, those that have a coefficient. */
  routerLosses: RouterLosses;
  routings: Routing[];
};

/**
 * A GPT: pre-norm transformer blocks, in pairs of which the second has experts in place of its MLP, or each for itself.
 *
 * Initialised as GPT-2: weights normal(0, 0.02), the projections into the residual stream divided by
 * sqrt(2 * numLayers), biases 0, norms 1. The same seed gives the same model.
 *
 * With `experts`, the ranks of an expert-parallel group hold a share of the experts each, and everything else alike. A
 * share has the numbers that those experts have in the whole model.
 *
 * @throws ConfigurationError naming the option, what is allowed and what came.
 */
export class Gpt {
  /** Parameters by name, all trained by gradient: `embedding`, `block0.attn1.wq`, `normFinal.weight`. */
  readonly variables: Record<string, tf.Variable> = {};
  /** State that no gradient trains, by name: `block0.router.correctionBias`. Part of the model like the variables. */
  readonly buffers: Record<string, tf.Variable> = {};
  /** Which of the experts are here. */
  readonly experts: ExpertShard;
  private readonly resolved: ResolvedGpt;
  /** Variables and buffers. */
  private readonly all: Record<string, tf.Variable> = {};

  constructor(
    readonly config: GptConfig,
    { experts = allExperts, ...initial }: GptOptions,
  ) {
    this.resolved = resolveGpt(config);
    this.experts = { rank: experts.rank, size: experts.size };
    const specs = gptSpecs(this.resolved, { experts });
    if ('parameters' in initial) checkParameters(initial.parameters, specs);
    const residualScale = 1 / Math.sqrt(2 * config.numLayers);
    tf.tidy(() => {
      for (const [name, spec] of Object.entries(specs)) {
        const value =
          'parameters' in initial
            ? initial.parameters[name]!
            : initializeParameter(name, spec, { seed: initial.seed, residualScale });
        const isBuffer = isRouterBuffer(name);
        const variable = tf.variable(value, !isBuffer);
        (isBuffer ? this.buffers : this.variables)[name] = variable;
        this.all[name] = variable;
      }
    });
  }

  /** All parameters, with the experts of all ranks. */
  numParameters(): number {
    return gptCosts(this.resolved).numParameters;
  }

  /** Parameters that one token meets: topK of the routed experts, and everything else. */
  numActiveParameters(): number {
    return gptCosts(this.resolved).numActiveParameters;
  }

  /** Operations of forward and backward per token of a full sequence; the formula is at {@link gptCosts}. */
  flopsPerToken(): number {
    return gptCosts(this.resolved).flopsPerToken;
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
      const { routerLosses: coefficients } = this.resolved;
      const balance = auxiliaryLoss(routings, coefficients);
      const others = routerLosses(routings, coefficients, { numSequences: ids.shape[0] });
      const summands: tf.Scalar[] = [crossEntropy];
      if (coefficients.auxiliaryLossCoefficient > 0 && routings.length > 0) {
        summands.push(tf.mul(balance, coefficients.auxiliaryLossCoefficient));
      }
      if (others.weighted) summands.push(others.weighted);
      const loss: tf.Scalar = summands.length > 1 ? tf.addN(summands) : tf.clone(crossEntropy);
      return { loss, crossEntropy, auxiliaryLoss: balance, routerLosses: others.losses, routings };
    });
  }

  /**
   * Choices of each expert before any was dropped, of every router with a correction bias, by the bias's name: (N + Z)
   * each. Of the `routings` of one step, or summed over its micro-batches and ranks before `updateCorrectionBias`. The
   * caller disposes them.
   */
  routerLoads(routings: readonly Routing[]): Record<string, tf.Tensor1D> {
    const names = Object.keys(this.buffers);
    if (names.length === 0) return {};
    return tf.tidy(() => {
      const loads: Record<string, tf.Tensor1D> = {};
      let next = 0;
      for (const { name, config } of this.resolved.stages) {
        if (!config.moe) continue;
        const own = routings.slice(next, (next += config.kind === 'dgmoe' ? 2 : 1));
        loads[`${name}.router.correctionBias`] = tf.addN<tf.Tensor1D>(
          own.map(({ load }) => tf.cast<tf.Tensor1D>(load, 'float32')),
        );
      }
      return loads;
    });
  }

  /**
   * Moves the correction biases of the routers towards an even load, once after a step (arXiv 2408.15664). Ranks that
   * train one model have to give the same loads: those of all ranks together.
   *
   * @param loads as `routerLoads` gives them
   */
  updateCorrectionBias(
    loads: Readonly<Record<string, tf.Tensor | ArrayLike<number>>>,
    options: Pick<CorrectionBiasOptions, 'rule' | 'updateRate' | 'expectedTopK'> = {},
  ): void {
    for (const { name, config } of this.resolved.stages) {
      const bias = this.buffers[`${name}.router.correctionBias`];
      if (!bias || !config.moe) continue;
      const load = loads[`${name}.router.correctionBias`];
      if (!load)
        throw new Error(
          `loads: expected those of '${name}.router.correctionBias', got ${Object.keys(loads).join(', ') || 'none'}`,
        );
      const { topK, numZeroExperts } = config.moe;
      updateCorrectionBias(bias, load, { ...options, topK, numZeroExperts });
    }
  }

  /**
   * Continues a prompt, token by token, and returns the new tokens. Ranks that share the experts out generate together:
   * prompts of one length, the same options.
   * @throws Error for an empty prompt, an id outside the vocabulary or an impossible sampling option.
   */
  generate(
    promptIds: readonly number[],
    { dispatcher, ...options }: GenerateOptions & DispatchOptions,
  ): Promise<number[]> {
    const { vocabSize, sequenceLength } = this.resolved;
    return generate<GptCache>(
      { vocabSize, sequenceLength, nextToken: (ids, past) => this.nextTokenLogits(ids, { past, dispatcher }) },
      promptIds,
      options,
    );
  }

  dispose(): void {
    tf.dispose(this.all);
  }

  /** Scores (vocabSize) of the token after the last of `ids`, and the cache that includes them. */
  private nextTokenLogits(
    ids: readonly number[],
    options: Pick<ForwardOptions, 'past' | 'dispatcher'>,
  ): { logits: tf.Tensor1D; cache: GptCache } {
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
    { training = false, dropoutSeed, past, keepCache = false, keepHiddenStates = false, dispatcher }: ForwardOptions,
  ): { hidden: tf.Tensor3D; routings: Routing[]; cache?: GptCache; hiddenStates?: tf.Tensor3D[] } {
    const start = past?.length ?? 0;
    this.checkIds(ids, start);
    this.checkDispatcher(dispatcher);
    const { stages, dropout: rate } = this.resolved;
    const seed = training ? this.seedOf(dropoutSeed) : undefined;

    let x = this.embed(ids, start);
    if (seed !== undefined && rate > 0) x = dropout(x, { rate, seed, stream: 0 }) as tf.Tensor3D;
    const routings: Routing[] = [];
    const caches: StageCache[] = [];
    const hiddenStates: tf.Tensor3D[] = [];
    stages.forEach((stage, index) => {
      const result = runStage(stage, x, this.all, {
        past: past?.stages[index],
        keepCache,
        dispatcher,
        // What is dropped depends on the other tokens of the batch: a token decoded alone would be treated otherwise
        // than in the whole sequence. Generation therefore drops nothing.
        dropless: keepCache || past !== undefined,
        ...(seed !== undefined && stageRandomness(index, seed)),
      });
      x = result.y;
      routings.push(...result.routings);
      if (result.cache) caches.push(result.cache);
      if (keepHiddenStates) hiddenStates.push(x);
    });
    return {
      hidden: normalize(x, below(this.variables, 'normFinal'), this.resolved),
      routings,
      ...(keepCache && { cache: { length: start + ids.shape[1], stages: caches } }),
      ...(keepHiddenStates && { hiddenStates }),
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

  private checkDispatcher(dispatcher: Dispatcher | undefined): void {
    const moe = this.resolved.stages.find(({ config }) => config.moe)?.config.moe;
    if (dispatcher || !moe || this.experts.size === 1) return;
    const { first, count } = expertShard(moe.numExperts, this.experts);
    throw new Error(
      `dispatcher: expected one over the ${this.experts.size} ranks that share the experts out, got none; experts ${first} to ${first + count - 1} of ${moe.numExperts} are here`,
    );
  }

  /** The seed of a training step, where anything in it is random. */
  private seedOf(seed: number | undefined): number | undefined {
    const { dropout: rate, stages } = this.resolved;
    const isRandom = rate > 0 || stages.some(({ config: { moe } }) => moe && (moe.noisy || moe.jitter > 0));
    if (!isRandom) return undefined;
    const what = rate > 0 ? `dropout ${rate}` : 'a noisy router';
    if (seed === undefined) throw new Error(`dropoutSeed: expected a seed for training with ${what}, got none`);
    return seed;
  }
}
