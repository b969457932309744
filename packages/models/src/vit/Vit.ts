import { ArgumentError } from '@scmoe/errors';
import type { Routing, WholeBatch } from '@scmoe/gating';
import { below, normalize, parameter, tidyRecord } from '@scmoe/layer';
import { dropout, linear, softmaxCrossEntropy, type Seed } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { addRouterLosses, loadBalanceOfLayers, type LossResult } from '../stages/modelLosses.js';
import {
  checkDispatcher,
  checkTensor,
  checkExpertSource,
  runStages,
  seedOfStep,
  type DispatchOptions,
} from '../stages/runStages.js';
import { StagedModel, type ModelOptions } from '../stages/StagedModel.js';
import { attentionShares } from './attentionShares.js';
import { convStem } from './convStem.js';
import { patchesOf } from './patchesOf.js';
import { softTargetLoss } from './softTargetLoss.js';
import { vitCosts, type VitCosts } from './vitCosts.js';
import { resolveVit, type ResolvedVit, type VitConfig } from './VitConfig.js';
import { vitSpecs } from './vitSpecs.js';

/** Where the parameters of a ViT come from, and which experts it holds. */
export type VitOptions = ModelOptions;

/** How a pass runs. */
export interface VitForwardOptions extends DispatchOptions {
  /**
   * Bool (B, numPatches): false for patches that are padding, such as those beside an image that is no square. No token
   * attends to them, they go to no expert, and pooling leaves them out. An image without a patch is padding altogether.
   */
  mask?: tf.Tensor2D;
  /** Switches dropout, stochastic depth and the routers' noise and jitter on. */
  training?: boolean;
  /** Seed of this step's dropout masks, stochastic depth and router noise. */
  dropoutSeed?: Seed;
  /** Return the output of every block or pair. */
  keepHiddenStates?: boolean;
}

/** How a pass runs, and how labels are softened. */
export interface VitLossOptions extends Omit<VitForwardOptions, 'keepHiddenStates'> {
  /** e in (1 - e) * nll + e * mean over classes of -log p; 0 by default. */
  labelSmoothing?: number;
  /** Makes the router losses those of the whole batch that this micro-batch is a part of. */
  whole?: WholeBatch;
}

/** Images and what they show: a class each, or, where `targets` are given, a distribution over the classes each. */
export type VitBatch = {
  /** float32 (B, imageSize, imageSize, numChannels) */
  pixels: tf.Tensor4D;
  /** int32 (B); -100 does not count. */
  labels: tf.Tensor1D;
  /** float32 (B, numClasses), each row a distribution: what the loss aims at in place of the labels. */
  targets?: tf.Tensor2D;
};

/** The loss, its parts, and what was made of the images. */
export type VitLossResult = LossResult & {
  /** (B, numClasses) */
  logits: tf.Tensor2D;
};

/** What a pass gives. */
export type VitForwardResult = {
  /** (B, numClasses) */
  logits: tf.Tensor2D;
  /** Load-balance loss of all layers. */
  loadBalance: tf.Scalar;
  /** Routing of each block or pair that has experts; of DGMoE, which chooses twice, two. */
  routings: Routing[];
  /**
   * Activations (B, sequenceLength, dModel) after each block or pair, before the final norm; with `keepHiddenStates`.
   */
  hiddenStates?: tf.Tensor3D[];
};

/**
 * A vision transformer (Dosovitskiy et al., arXiv 2010.11929) that classifies square images: patches through one linear
 * map or small convolutions, learned positions, pre-norm blocks without a causal mask, with experts where `moe` says. Initialised as `Gpt` is;
 * the same seed gives the same model.
 *
 * @throws ArgumentError naming the option, what is allowed and what came.
 */
export class Vit extends StagedModel<VitConfig, ResolvedVit> {
  constructor(config: VitConfig, options: VitOptions) {
    super(config, resolveVit(config), vitSpecs, options);
  }

  /** Operations of forward and backward per image; the formula is at {@link vitCosts}. */
  flopsPerImage(): number {
    return this.costs().flopsPerImage;
  }

  /** Bytes that training keeps of each image at the least: its pixels, and the outputs of all blocks, in float32. */
  leastBytesPerImage(): number {
    return this.costs().leastBytesPerImage;
  }

  /**
   * Scores of the classes for `pixels`, float32 (B, imageSize, imageSize, numChannels) as TF.js holds images. Reads nothing
   * on the host. The caller disposes the result.
   */
  forward(pixels: tf.Tensor4D, options: VitForwardOptions = {}): VitForwardResult {
    return tidyRecord(() => {
      const { logits, routings, hiddenStates } = this.classify(pixels, options);
      const balance = loadBalanceOfLayers(routings, this.resolved.routerLosses);
      return { logits, loadBalance: balance, routings, hiddenStates };
    });
  }

  /**
   * Loss of classifying `pixels` as their `labels`, or as `targets` where the batch has some. Reads nothing on the host. The
   * caller disposes the result.
   *
   * @throws Error for a label that is no class, on the native backend; elsewhere such an image counts with a loss of 0.
   */
  loss(
    { pixels, labels, targets }: VitBatch,
    { labelSmoothing, whole, ...options }: VitLossOptions = {},
  ): VitLossResult {
    const [batch] = pixels.shape;
    if (labels.rank !== 1 || labels.shape[0] !== batch || labels.dtype !== 'int32') {
      throw new ArgumentError(
        `labels: expected int32 (${batch}), one for each image, got ${labels.dtype} (${labels.shape.join(', ')})`,
      );
    }
    return tidyRecord(() => {
      const { logits, routings } = this.classify(pixels, options);
      const isImage = options.mask && tf.any(options.mask, 1); // (B)
      const counted = isImage ? tf.where<tf.Tensor>(isImage, labels, tf.scalar(-100, 'int32')) : labels;
      const crossEntropy = targets
        ? softTargetLoss(logits, targets, { labelSmoothing, mask: isImage })
        : softmaxCrossEntropy(logits, counted, { labelSmoothing });
      const result = addRouterLosses(crossEntropy, routings, this.resolved.routerLosses, {
        numSequences: batch,
        whole,
      });
      return { ...result, logits };
    });
  }

  /** Patches of an image. */
  get numPatches(): number {
    return this.resolved.numPatches;
  }

  /**
   * Where the model looks in each image: the attention of the last stage to the patches, (B, numPatches), each row with the
   * sum 1; the mean over the heads, of the class token or, with `pooling` `mean`, over the patches. Of a pair it is the first
   * attention. The caller disposes the result.
   */
  attentionToPatches(pixels: tf.Tensor4D, dispatch: DispatchOptions = {}): tf.Tensor2D {
    return tf.tidy(() => {
      const { stages, pooling } = this.resolved;
      const last = stages.at(-1)!;
      const { lastInput: x } = this.classify(pixels, { ...dispatch, keepHiddenStates: true });
      const [norm, attention] = last.kind === 'pair' ? ['normAttn1', 'attn1'] : ['normAttn', 'attn'];
      const own = below(this.all, last.name);
      const normalized = normalize(x!, below(own, norm), this.resolved);
      return attentionShares(normalized, below(own, attention), {
        ...last.config,
        hasClassToken: pooling === 'class',
      });
    });
  }

  protected costs(): VitCosts {
    return vitCosts(this.resolved);
  }

  private classify(
    pixels: tf.Tensor4D,
    { training = false, dropoutSeed, keepHiddenStates, mask: ofPatches, ...dispatch }: VitForwardOptions,
  ): { logits: tf.Tensor2D; routings: Routing[]; hiddenStates?: tf.Tensor3D[]; lastInput?: tf.Tensor3D } {
    this.checkPixels(pixels);
    checkDispatcher(this.resolved.stages, this.experts, dispatch.dispatcher);
    checkTensor(this.tensor, dispatch.tensor);
    checkExpertSource(this.expertSource, { training, ...dispatch });
    const { stages, dropout: rate, pooling, dModel, stochasticDepth } = this.resolved;
    const seed = training ? seedOfStep(stages, dropoutSeed, { stochasticDepth }) : undefined;

    const mask = ofPatches && this.maskOf(ofPatches, pixels);
    let x = this.embed(pixels);
    if (seed !== undefined && rate > 0) x = dropout(x, { rate, seed, stream: 0 }) as tf.Tensor3D;
    const { y, routings, hiddenStates, lastInput } = runStages(x, stages, this.all, {
      expertSource: this.expertSource,
      ...dispatch,
      mask,
      training,
      seed,
      stochasticDepth,
      keepHiddenStates,
    });
    // Each token is normalised for itself: what is not read need not be.
    const read = pooling === 'class' ? tf.slice(y, [0, 0, 0], [-1, 1, dModel]) : y;
    const normalized = normalize(read, below(this.variables, 'normFinal'), this.resolved);
    const pooled = mask && pooling === 'mean' ? meanOf(normalized, mask) : tf.mean(normalized, 1);
    const logits = linear(pooled, this.weight('head.weight'), this.variables['head.bias']) as tf.Tensor2D;
    return { logits, routings, hiddenStates, lastInput };
  }

  /** The mask of all tokens, (B, sequenceLength): the class token is there where a patch is. */
  private maskOf(ofPatches: tf.Tensor2D, pixels: tf.Tensor4D): tf.Tensor2D {
    const expected = [pixels.shape[0], this.numPatches];
    if (ofPatches.dtype !== 'bool' || ofPatches.shape.join() !== expected.join()) {
      throw new ArgumentError(
        `mask: expected bool (${expected.join(', ')}), one for each patch, got ${ofPatches.dtype} (${ofPatches.shape.join(', ')})`,
      );
    }
    if (this.resolved.pooling !== 'class') return ofPatches;
    return tf.concat([tf.any(ofPatches, 1, true), ofPatches], 1);
  }

  /** (B, H, W, C) -> (B, sequenceLength, dModel) */
  private embed(pixels: tf.Tensor4D): tf.Tensor3D {
    const { stem, patchSize, patchStride, dModel, pooling } = this.resolved;
    const patches =
      stem === 'patches' ? patchesOf(pixels, patchSize, patchStride) : convStem(pixels, this.variables, this.resolved);
    let x = linear(patches, this.weight('patch.weight'), this.variables['patch.bias']) as tf.Tensor3D;
    if (pooling === 'class') {
      const token: tf.Tensor3D = tf.reshape(parameter(this.variables, 'classToken'), [1, 1, dModel]);
      x = tf.concat([tf.tile(token, [pixels.shape[0], 1, 1]), x], 1);
    }
    return tf.add(x, parameter<tf.Tensor2D>(this.variables, 'positions'));
  }

  private weight(name: string): tf.Tensor2D {
    return parameter<tf.Tensor2D>(this.variables, name);
  }

  private checkPixels({ shape, dtype }: tf.Tensor4D): void {
    const { imageSize, numChannels } = this.resolved;
    if (
      shape.length === 4 &&
      shape.slice(1).join() === [imageSize, imageSize, numChannels].join() &&
      dtype === 'float32'
    )
      return;
    throw new ArgumentError(
      `pixels: expected float32 (batch, ${imageSize}, ${imageSize}, ${numChannels}), got ${dtype} (${shape.join(', ')})`,
    );
  }
}

/** Mean of x (B, S, d) over the tokens of a mask (B, S); 0 where there are none. */
function meanOf(x: tf.Tensor, mask: tf.Tensor2D): tf.Tensor {
  const isToken = tf.expandDims(tf.cast(mask, 'float32'), 2);
  return tf.div(tf.sum(tf.mul(x, isToken), 1), tf.maximum(tf.sum(isToken, 1), 1));
}
