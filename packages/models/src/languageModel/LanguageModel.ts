import { ArgumentError } from '@scmoe/errors';
import type { Routing, WholeBatch } from '@scmoe/gating';
import { below, normalize, tidyRecord } from '@scmoe/layer';
import {
  canCapture,
  dropout,
  softmaxCrossEntropy,
  toWeightFormat,
  withoutRecording,
  type CaptureInputs,
  type Seed,
  type WeightFormat,
} from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { AdaptableModel } from '../adapters/AdaptableModel.js';
import { CapturedSteps, eagerInputs } from '../generation/CapturedSteps.js';
import { generate } from '../generation/generate.js';
import type { GenerateOptions } from '../generation/GenerateOptions.js';
import { GenerationEngine, type GenerationEngineOptions } from '../generation/GenerationEngine.js';
import { SequenceCache } from '../generation/SequenceCache.js';
import type { SequencePart, SequencePredictor, TokenRoute } from '../generation/SequencePredictor.js';
import { routeAhead } from '../routerAhead/runRouterAhead.js';
import { routeOfPass } from '../routerAhead/routeOfPass.js';
import type { ResolvedRouterAhead } from '../routerAhead/RouterAheadConfig.js';
import { routedRows } from '../routerAhead/routedRows.js';
import { addRouterLosses, loadBalanceOfLayers, type LossResult } from '../stages/modelLosses.js';
import { sequenceCachesOf, type StageCache } from '../stages/runStage.js';
import { packedPast } from '../stages/packedPast.js';
import {
  checkDispatcher,
  checkExpertSource,
  checkTensor,
  runStages,
  seedOfStep,
  type DispatchOptions,
} from '../stages/runStages.js';
import type { ModelOptions } from '../stages/StagedModel.js';
import { distill, type DistillOptions, type DistillResult } from './distillation.js';
import { checkIds, checkLength } from './checkIds.js';
import { embedBatch, embedParts, type Embedding } from './embedTokens.js';
import { headCrossEntropy, headScores, type Head } from './head.js';
import { isStorable } from './isStorable.js';
import { languageModelCosts, type LanguageModelCosts } from './languageModelCosts.js';
import { languageModelSpecs } from './languageModelSpecs.js';
import type { ResolvedLanguageModel } from './ResolvedLanguageModel.js';
import { WeightSettler } from './WeightSettler.js';
import { restartLengthOf } from './restartLength.js';

/** Keys and values of the tokens so far. Holds tensors: tf.dispose it. */
export type ModelCache = {
  /** Tokens so far. */
  length: number;
  /** Caches of each block or pair; behind them that of the router ahead, where there is one. */
  stages: StageCache[];
};

/** How a pass runs. */
export interface ForwardOptions extends DispatchOptions {
  /** Switches dropout and the routers' noise and jitter on. */
  training?: boolean;
  /** Seed of this step's dropout masks and router noise. */
  dropoutSeed?: Seed;
  /**
   * Bool (B, S): false for padding, wherever it is in a sequence. Tokens do not attend to it, learned positions do not count
   * it, it goes to no expert, and what it should predict does not count. Not beside `past` and `keepCache`.
   */
  mask?: tf.Tensor2D;
  /** Tokens that `ids` continues. */
  past?: ModelCache;
  /** Return the keys and values of all tokens. */
  keepCache?: boolean;
  /** Return the output of every block or pair. */
  keepHiddenStates?: boolean;
}

/** How a pass runs that gives a loss. */
export interface LanguageModelLossOptions extends ForwardOptions {
  /** Makes the router losses those of the whole batch that this micro-batch is a part of. */
  whole?: WholeBatch;
  /** A teacher, the distance to which is mixed into the loss. */
  distill?: DistillOptions;
}

/** A language model's loss and its parts; `crossEntropy` is that of the targets alone. */
export type LanguageModelLossResult = LossResult & {
  /** The distance to the teacher; with `distill`. */
  distillation?: DistillResult;
};

/** What a pass gives. */
export type ForwardResult = {
  /** (B, S, vocabSize) */
  logits: tf.Tensor3D;
  /** Load-balance loss of all layers. */
  loadBalance: tf.Scalar;
  /** Routing of each block or pair that has experts; of DGMoE, which chooses twice, two; of a router ahead, one for all. */
  routings: Routing[];
  /** Activations (B, S, dModel) after each block or pair, before the final norm; with `keepHiddenStates`. */
  hiddenStates?: tf.Tensor3D[];
  /** Keys and values of all tokens, with `keepCache`. */
  cache?: ModelCache;
};

/** A target that does not count. */
const ignored = -100;

/**
 * What causal language models share: an embedding, blocks one after the other, a norm and a head; their losses, and
 * generation. A family is a class of its own that says how its configuration becomes blocks.
 */
export abstract class LanguageModel<Config extends object> extends AdaptableModel<Config, ResolvedLanguageModel> {
  /** Steps of generation, as the kernels that they call. */
  private readonly steps = new CapturedSteps(
    (parts, inputs) => this.scoresAfter(parts, inputs)!,
    () => Object.values(this.all),
  );
  private readonly settler = new WeightSettler(() => Object.values(this.all));

  protected constructor(config: Config, resolved: ResolvedLanguageModel, options: ModelOptions) {
    super(config, resolved, languageModelSpecs, options);
  }

  /** Operations of forward and backward per token of a full sequence; the formula is at {@link languageModelCosts}. */
  flopsPerToken(): number {
    return this.costs().flopsPerToken;
  }

  /** Bytes that training keeps of each token at the least: the outputs of all blocks, in float32. */
  leastBytesPerToken(): number {
    return this.costs().leastBytesPerToken;
  }

  /**
   * Scores of the next token at every position of `ids`, int32 (B, S). Reads nothing on the host. The caller disposes
   * the result.
   */
  forward(ids: tf.Tensor2D, options: ForwardOptions = {}): ForwardResult {
    return tidyRecord(() => {
      const { hidden, routings, ...kept } = this.hidden(ids, options);
      const [batch, length] = ids.shape;
      const logits: tf.Tensor3D = tf.reshape(headScores(hidden, this.head), [batch, length, this.resolved.vocabSize]);
      return { logits, loadBalance: loadBalanceOfLayers(routings, this.resolved.routerLosses), routings, ...kept };
    });
  }

  /**
   * Loss of predicting `targets` from `ids`, both int32 (B, S); targets of -100 do not count. Reads nothing on the host.
   * The caller disposes the result.
   */
  loss(
    { ids, targets }: { ids: tf.Tensor2D; targets: tf.Tensor2D },
    { whole, distill: teacher, ...options }: LanguageModelLossOptions = {},
  ): LanguageModelLossResult {
    if (targets.shape.join() !== ids.shape.join() || targets.dtype !== 'int32') {
      throw new ArgumentError(
        `targets: expected int32 of the shape of ids, (${ids.shape.join(', ')}), got ${targets.dtype} (${targets.shape.join(', ')})`,
      );
    }
    return tidyRecord(() => {
      const { hidden, routings } = this.hidden(ids, options);
      const { mask } = options;
      const counted = mask ? tf.where<tf.Tensor>(mask, targets, tf.scalar(ignored, 'int32')) : targets;
      const ofTokens: tf.Tensor1D = tf.reshape(counted, [-1]);
      const context = { numSequences: ids.shape[0], whole };
      const losses = this.resolved.routerLosses;
      if (!teacher) return addRouterLosses(headCrossEntropy(hidden, ofTokens, this.head), routings, losses, context);
      const scores = headScores(hidden, this.head);
      const crossEntropy = softmaxCrossEntropy(scores, ofTokens);
      const { loss, result } = distill({ ids, mask }, { scores, targets: ofTokens, crossEntropy }, teacher);
      return { ...addRouterLosses(loss, routings, losses, context), crossEntropy, distillation: result };
    });
  }

  /**
   * Continues a prompt, token by token, and returns the new tokens. Ranks that share the experts out generate together:
   * prompts of one length, the same options.
   * @throws ArgumentError for an empty prompt, an id outside the vocabulary or an impossible sampling option.
   */
  generate(
    promptIds: readonly number[],
    { dispatcher, overlap, tensor, ...options }: GenerateOptions & DispatchOptions,
  ): Promise<number[]> {
    return generate(this.predictor({ dispatcher, overlap, tensor }), promptIds, options);
  }

  /**
   * Generates several texts at once, which join and leave as they come and go. `close` it to free its memory; the model has
   * to outlive it.
   * @throws ArgumentError naming the option that there is not or that can't be
   */
  generationEngine({
    dispatcher,
    overlap,
    tensor,
    ...options
  }: GenerationEngineOptions & DispatchOptions = {}): GenerationEngine {
    return new GenerationEngine(this.predictor({ dispatcher, overlap, tensor }), options);
  }

  /**
   * The model as generation sees it: tokens that continue several sequences, in one pass, to the scores of the next ones. Each
   * sequence gets the scores, bit for bit, that it gets alone.
   */
  predictor(dispatch: DispatchOptions = {}): SequencePredictor {
    const { vocabSize, sequenceLength, stages, routerAhead } = this.resolved;
    const attending = [...stages, ...(routerAhead ? [routerAhead.stage] : [])];
    return {
      vocabSize,
      sequenceLength,
      restartLength: restartLengthOf(stages),
      createCache: () => new SequenceCache(attending.map(sequenceCachesOf)),
      advance: (parts) => this.advance(parts, dispatch),
      ...(routerAhead && { readRoutes: (parts) => this.readRoutes(parts, routerAhead) }),
    };
  }

  /**
   * Rounds the matrices of attentions, MLPs, experts and an untied head to a format of fewer bytes, for inference: `bfloat16`
   * loses nothing of a checkpoint that is stored so. The model is a model of the rounded numbers then, wherever it is used;
   * training makes float32 of what it changes.
   *
   * @throws ArgumentError where int8 is to hold a number that is not finite, naming the parameter
   */
  storeWeights(format: WeightFormat): void {
    if (format === 'float32') return;
    const names = new Set(Object.keys(this.all));
    for (const [name, variable] of Object.entries(this.all)) {
      if (!isStorable(name, { rank: variable.rank, names })) continue;
      try {
        tf.tidy(() => variable.assign(toWeightFormat(variable, format)));
      } catch (error) {
        throw new ArgumentError(`${name}: ${(error as Error).message}`, { cause: error });
      }
    }
  }

  override dispose(): void {
    this.steps.dispose();
    super.dispose();
  }

  private get embedding(): Embedding {
    const { all, resolved } = this;
    return { all, resolved };
  }

  private get head(): Head {
    const { all, buffers, resolved } = this;
    return { all, buffers, resolved };
  }

  protected costs(): LanguageModelCosts {
    return languageModelCosts(this.resolved);
  }

  /** Scores (P, vocabSize) of the token after each part that wants them; the caches have all tokens of the parts then. */
  private advance(parts: readonly SequencePart[], dispatch: DispatchOptions): tf.Tensor2D | undefined {
    const { sequenceLength, stages } = this.resolved;
    for (const { ids, cache } of parts) checkLength(cache.length + ids.length, sequenceLength);
    checkDispatcher(stages, this.experts, dispatch.dispatcher);
    checkTensor(this.tensor, dispatch.tensor);
    checkExpertSource(this.expertSource, dispatch);
    const isLocal = !dispatch.dispatcher && !dispatch.tensor && !dispatch.overlap && !this.expertSource;
    const isStep = parts.every(({ ids, wantsScores, route }) => ids.length === 1 && wantsScores && !route);
    // A step that was captured before weights have moved is of no use.
    const isCaptured = isLocal && isStep && !this.settler.beforeStep() && canCapture();
    return isCaptured ? this.steps.advance(parts) : this.scoresAfter(parts, eagerInputs, dispatch);
  }

  /** The same without captured steps; tokens and their places are the inputs, in this order. */
  private scoresAfter(
    parts: readonly SequencePart[],
    inputs: CaptureInputs,
    dispatch: DispatchOptions = {},
  ): tf.Tensor2D | undefined {
    const { stages } = this.resolved;
    const { expertSource } = this;
    const { routerAhead } = this.resolved;
    let end = 0;
    const ends = parts.map((part) => (end += part.ids.length) - 1).filter((_, index) => parts[index]!.wantsScores);
    // Where no scores are asked for, the last stage has nothing to do but to remember the tokens: one row stands for all.
    const outputRows = ends.length === end ? undefined : ends.length > 0 ? ends : [0];
    return withoutRecording(() =>
      tf.tidy(() => {
        const x = embedParts(parts, this.embedding, inputs);
        const { parameters } = this.parametersOfPass(dispatch);
        const routing =
          routerAhead &&
          routeAhead(routedRows(x, parts, routerAhead, parameters), routerAhead, parameters, { dropless: true });
        const past = packedPast(parts);
        const { y } = runStages(x, stages, parameters, { past, expertSource, routing, outputRows, ...dispatch });
        if (ends.length === 0) return undefined as unknown as tf.Tensor2D;
        const normed = normalize(y, below(this.all, 'normFinal'), this.resolved);
        return headScores(normed, this.head);
      }),
    );
  }

  /** Routes tokens of sequences as `SequencePredictor` says; the router's attention has seen them then. */
  private async readRoutes(
    parts: readonly Pick<SequencePart, 'ids' | 'cache'>[],
    routerAhead: ResolvedRouterAhead,
  ): Promise<TokenRoute[]> {
    const { rows, experts } = withoutRecording(() =>
      tidyRecord(() => {
        const { parameters } = this.parametersOfPass();
        const rows = routedRows(embedParts(parts, this.embedding), parts, routerAhead, parameters);
        return { rows, experts: routeAhead(rows, routerAhead, parameters, { dropless: true }).experts };
      }),
    );
    const [states, chosen] = await Promise.all([rows.data<'float32'>(), experts.data<'int32'>()]);
    tf.dispose([rows, experts]);
    const { width, router } = routerAhead;
    let token = 0;
    return parts.map(({ ids }) => {
      const [begin, end] = [token, (token += ids.length)];
      const own = chosen.slice(begin * router.topK, end * router.topK);
      return { experts: [...new Set(own)], state: states.slice(begin * width, end * width) };
    });
  }

  /** Output of the last block, normalised: (B, S, dModel). */
  private hidden(
    ids: tf.Tensor2D,
    {
      training = false,
      dropoutSeed,
      mask,
      past,
      keepCache = false,
      keepHiddenStates = false,
      ...dispatch
    }: ForwardOptions,
  ): { hidden: tf.Tensor3D; routings: Routing[]; cache?: ModelCache; hiddenStates?: tf.Tensor3D[] } {
    const start = past?.length ?? 0;
    checkIds(ids, { start, mask, sequenceLength: this.resolved.sequenceLength });
    const { stages, dropout: rate, routerAhead } = this.resolved;
    checkDispatcher(stages, this.experts, dispatch.dispatcher);
    checkTensor(this.tensor, dispatch.tensor);
    checkExpertSource(this.expertSource, { training, ...dispatch });
    const seed = training ? seedOfStep(stages, dropoutSeed) : undefined;

    const { parameters, expectAllUsed } = this.parametersOfPass({
      training,
      seed: dropoutSeed,
      tensor: dispatch.tensor,
      dispatcher: dispatch.dispatcher,
    });
    let x = embedBatch(ids, this.embedding, { start, mask });
    if (seed !== undefined && rate > 0) x = dropout(x, { rate, seed, stream: 0 }) as tf.Tensor3D;
    const ahead =
      routerAhead &&
      routeOfPass(x, routerAhead, parameters, {
        ...{ numStages: stages.length, mask, past: past?.stages, keepCache, seed, ...dispatch },
      });
    const { y, routings, caches, hiddenStates } = runStages(x, stages, parameters, {
      mask,
      routing: ahead?.routing,
      past: past?.stages,
      keepCache,
      keepHiddenStates,
      training,
      seed,
      expertSource: this.expertSource,
      ...dispatch,
    });
    expectAllUsed();
    return {
      hidden: normalize(y, below(this.all, 'normFinal'), this.resolved),
      routings,
      ...(caches && { cache: { length: start + ids.shape[1], stages: [...caches, ...(ahead?.caches ?? [])] } }),
      ...(hiddenStates && { hiddenStates }),
    };
  }
}
