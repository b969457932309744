import { loadBalanceLoss, type Routing } from '@scmoe/gating';
import {
  below,
  initializeParameter,
  normalize,
  normSpecs,
  pairSpecs,
  type ParameterSpecs,
  resolvePair,
  type ResolvedPair,
  runPair,
  under,
} from '@scmoe/layer';
import { embedding, linear, softmaxCrossEntropy } from '@scmoe/tensor';
import type { MadTask, TokenBatch, Trainable } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { activeHidden, type MadKind } from './kinds.js';

const dModel = 128;
/** Heads as in MAD's multi-head attention: of 8, all of which is rotated. */
const numHeads = 16;
const loadBalanceCoefficient = 0.01;

/**
 * The model of MAD (arXiv 2403.17844): four pre-norm layers, mixer, channel, mixer, channel, which are one of our pairs, and
 * a head. Compression has the authors' autoencoder instead of the head: the state of the last position, with a sin-cos
 * embedding of each position added, goes through an MLP of two linear layers with GELU to the token of that position.
 */
export class MadModel implements Trainable<TokenBatch> {
  readonly variables: Record<string, tf.Variable> = {};
  private readonly pair: ResolvedPair;
  private readonly decodes: boolean;

  constructor({ name, vocabSize }: MadTask, { moe }: MadKind, { seed }: { seed: number }) {
    this.pair = resolvePair({
      ...moe,
      dModel,
      numHeads,
      ffnHidden: activeHidden,
      activation: 'gelu_tanh',
      rope: { style: 'half' },
    });
    this.decodes = name === 'compression';
    const specs: ParameterSpecs = {
      embedding: { shape: [vocabSize, dModel], initial: 'normal' },
      ...under('pair', pairSpecs(this.pair)),
      ...(this.decodes && { ...under('decoder1', decoderSpecs), ...under('decoder2', decoderSpecs) }),
      ...under('normFinal', normSpecs(dModel, 'layer')),
      'head.weight': { shape: [dModel, vocabSize], initial: 'normal' },
      'head.bias': { shape: [vocabSize], initial: 'zeros' },
    };
    tf.tidy(() => {
      for (const [name, spec] of Object.entries(specs))
        this.variables[name] = tf.variable(
          initializeParameter(name, spec, { seed, standardDeviation: deviationOf(name) }),
        );
    });
  }

  loss({ ids, targets }: TokenBatch) {
    const { logits, routings } = this.forward(ids);
    const crossEntropy = softmaxCrossEntropy(logits, tf.reshape(targets, [-1]));
    if (routings.length === 0) return { loss: crossEntropy };
    const balance = tf.addN(routings.map((routing) => loadBalanceLoss(routing)));
    return { loss: tf.add<tf.Scalar>(crossEntropy, tf.mul(balance, loadBalanceCoefficient)) };
  }

  /** The likeliest token at each position of `ids` (B, S). */
  async predict(ids: tf.Tensor2D): Promise<Int32Array> {
    const best = tf.tidy(() => tf.argMax(this.forward(ids).logits, -1));
    const predictions = await best.data<'int32'>();
    best.dispose();
    return predictions;
  }

  dispose(): void {
    tf.dispose(this.variables);
  }

  /** Runs a pass. @returns logits (B * S, vocabSize) */
  private forward(ids: tf.Tensor2D): { logits: tf.Tensor2D; routings: Routing[] } {
    const [batch, length] = ids.shape;
    const x = embedding(ids, this.variables['embedding'] as tf.Variable<tf.Rank.R2>) as tf.Tensor3D;
    const { y, routing, currentRouting } = runPair(x, below(this.variables, 'pair'), this.pair);
    const states = this.decodes ? this.decode(tf.slice(y, [0, length - 1, 0], [batch, 1, dModel]), length) : y;
    const hidden = tf.reshape(this.norm(states, 'normFinal'), [-1, dModel]);
    const logits = linear(hidden, this.weight('head.weight'), this.variables['head.bias']) as tf.Tensor2D;
    return { logits, routings: [routing, currentRouting].filter((each) => each !== undefined) };
  }

  /** (B, 1, d) -> (B, S, d) */
  private decode(last: tf.Tensor3D, length: number): tf.Tensor3D {
    let x: tf.Tensor3D = tf.add(last, sinCosPositions(length));
    for (const name of ['decoder1', 'decoder2']) {
      const normed = this.norm(x, `${name}.norm`);
      const bias = this.variables[`${name}.bias`];
      x = linear(normed, this.weight(`${name}.weight`), bias, { activation: 'gelu' }) as tf.Tensor3D;
    }
    return x;
  }

  private norm<T extends tf.Tensor>(x: T, name: string): T {
    return normalize(x, below(this.variables, name), { norm: 'layer', normEpsilon: 1e-5 });
  }

  private weight(name: string): tf.Variable<tf.Rank.R2> {
    return this.variables[name] as tf.Variable<tf.Rank.R2>;
  }
}

/**
 * Standard deviation as in the authors' code: 0.02 for embeddings, for weights that of PyTorch's linear layers of this
 * width.
 */
function deviationOf(name: string): number {
  return name === 'embedding' ? 0.02 : 1 / Math.sqrt(3 * dModel);
}

const decoderSpecs: ParameterSpecs = {
  ...under('norm', normSpecs(dModel, 'layer')),
  weight: { shape: [dModel, dModel], initial: 'normal' },
  bias: { shape: [dModel], initial: 'zeros' },
};

/** (S, d): sines, then cosines, of the position over 10000^(i / (d/2 - 1)). */
function sinCosPositions(length: number): tf.Tensor2D {
  return tf.tidy(() => {
    const half = dModel / 2;
    const frequencies = tf.exp(tf.mul(tf.range(0, half), -Math.log(10000) / (half - 1)));
    const angles = tf.outerProduct(tf.range(0, length), frequencies as tf.Tensor1D);
    return tf.concat([tf.sin(angles), tf.cos(angles)], 1);
  });
}
