import { loadBalanceLoss, type Routing } from '@scmoe/gating';
import {
  allExperts,
  below,
  dropoutStreams,
  expertShard,
  initializeParameter,
  normalize,
  parameter,
  runPair,
  tidyRecord,
  type Dispatcher,
  type ExpertShard,
  type PairCache,
  type ParameterRecord,
} from '@scmoe/layer';
import { dropout, embedding, linear, softmaxCrossEntropy } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { generate, type GenerateOptions } from '../generation/generate.js';
import { gptCosts } from './gptCosts.js';
import { resolveGpt, type GptConfig, type ResolvedGpt } from './GptConfig.js';
import { gptSpecs } from './gptSpecs.js';

/** Keys and values of the tokens so far. Holds tensors: tf.dispose it. */
export type GptCache = {
  /** Tokens so far. */
  length: number;
  pairs: PairCache[];
};

/** Options of a `Gpt` besides its configuration. */
export interface GptOptions {
  /** Of the initial weights. */
  seed: number;
  /** Which of the experts this rank holds. Default: all. */
  experts?: ExpertShard;
}

/** Where the experts are. */
export interface DispatchOptions {
  /** Brings tokens to their experts and back. Default: all experts are here. A shard of experts needs one. */
  dispatcher?: Dispatcher;
}

/** Options of `Gpt.forward`. */
export interface ForwardOptions extends DispatchOptions {
  /** Switches dropout on. */
  training?: boolean;
  /** Seed of this step's dropout masks. */
  dropoutSeed?: number;
  /** Tokens that `ids` continues. */
  past?: GptCache;
  /** Return the keys and values of all tokens. */
  keepCache?: boolean;
}

/** What `Gpt.forward` returns; the caller disposes it. */
export type ForwardResult = {
  /** (B, S, vocabSize) */
  logits: tf.Tensor3D;
  /** Load-balance losses, summed over the pairs. */
  auxiliaryLoss: tf.Scalar;
  /** Of each pair that has experts. */
  routings: Routing[];
  /** With `keepCache`. */
  cache?: GptCache;
};

/** What `Gpt.loss` returns; the caller disposes it. */
export type LossResult = {
  /** crossEntropy + auxiliaryLossCoefficient * auxiliaryLoss */
  loss: tf.Scalar;
  /** Mean over the tokens, in nats. */
  crossEntropy: tf.Scalar;
  auxiliaryLoss: tf.Scalar;
  routings: Routing[];
};

/**
 * A GPT: pre-norm transformer blocks in pairs, the second of each pair with experts in place of its MLP.
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
  /** Parameters by name: `embedding`, `block0.attn1.wq`, `normFinal.weight`. */
  readonly variables: Record<string, tf.Variable> = {};
  /** Which of the experts are here. */
  readonly experts: ExpertShard;
  private readonly resolved: ResolvedGpt;

  constructor(
    readonly config: GptConfig,
    { seed, experts = allExperts }: GptOptions,
  ) {
    this.resolved = resolveGpt(config);
    this.experts = { rank: experts.rank, size: experts.size };
    const residualScale = 1 / Math.sqrt(2 * config.numLayers);
    tf.tidy(() => {
      for (const [name, spec] of Object.entries(gptSpecs(this.resolved, { experts }))) {
        this.variables[name] = tf.variable(initializeParameter(name, spec, { seed, residualScale }));
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
      const { hidden, routings, cache } = this.hidden(ids, options);
      const [batch, length] = ids.shape;
      const logits: tf.Tensor3D = tf.reshape(this.scores(hidden), [batch, length, this.resolved.vocabSize]);
      return { logits, auxiliaryLoss: sumOfBalanceLosses(routings), routings, cache };
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
      const auxiliaryLoss = sumOfBalanceLosses(routings);
      const { auxiliaryLossCoefficient: coefficient } = this.resolved;
      const loss: tf.Scalar =
        coefficient > 0 ? tf.add(crossEntropy, tf.mul(auxiliaryLoss, coefficient)) : tf.clone(crossEntropy);
      return { loss, crossEntropy, auxiliaryLoss, routings };
    });
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

  /** Frees the variables. */
  dispose(): void {
    tf.dispose(this.variables);
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

  /** Output of the last pair, normalised: (B, S, dModel). */
  private hidden(
    ids: tf.Tensor2D,
    { training = false, dropoutSeed, past, keepCache = false, dispatcher }: ForwardOptions,
  ): { hidden: tf.Tensor3D; routings: Routing[]; cache?: GptCache } {
    const start = past?.length ?? 0;
    this.checkIds(ids, start);
    this.checkDispatcher(dispatcher);
    const { pairs, dropout: rate } = this.resolved;
    const seed = dropsOut(training, rate, dropoutSeed) ? dropoutSeed : undefined;

    let x = this.embed(ids, start);
    if (seed !== undefined) x = dropout(x, { rate, seed, stream: 0 }) as tf.Tensor3D;
    const routings: Routing[] = [];
    const caches: PairCache[] = [];
    pairs.forEach((pair, index) => {
      const { y, routing, cache } = runPair(x, below(this.variables, `block${index}`), pair, {
        past: past?.pairs[index],
        keepCache,
        dispatcher,
        // What is dropped depends on the other tokens of the batch: a token decoded alone would be treated otherwise
        // than in the whole sequence. Generation therefore drops nothing.
        dropless: keepCache || past !== undefined,
        dropout: seed === undefined ? undefined : { seed, firstStream: 1 + index * dropoutStreams },
      });
      x = y;
      if (routing) routings.push(routing);
      if (cache) caches.push(cache);
    });
    const cache = keepCache ? { length: start + ids.shape[1], pairs: caches } : undefined;
    return { hidden: normalize(x, below(this.variables, 'normFinal'), this.resolved), routings, cache };
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
    const { moe } = this.resolved.pairs[0]!;
    if (dispatcher || !moe || this.experts.size === 1) return;
    const { first, count } = expertShard(moe.numExperts, this.experts);
    throw new Error(
      `dispatcher: expected one over the ${this.experts.size} ranks that share the experts out, got none; experts ${first} to ${first + count - 1} of ${moe.numExperts} are here`,
    );
  }
}

function dropsOut(training: boolean, rate: number, seed: number | undefined): boolean {
  if (!training || rate === 0) return false;
  if (seed === undefined) throw new Error(`dropoutSeed: expected a seed for training with dropout ${rate}, got none`);
  return true;
}

function sumOfBalanceLosses(routings: Routing[]): tf.Scalar {
  return routings.length > 0 ? tf.addN(routings.map((routing) => loadBalanceLoss(routing))) : tf.scalar(0);
}
