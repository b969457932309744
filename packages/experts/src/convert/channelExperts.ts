import type { ExpertChannels, Gpt } from '@scmoe/models';
import { nextTurn } from '@scmoe/tensor';
import type { TokenBatch } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { chooseChannels, largest, type ChosenChannels } from './chooseChannels.js';
import { fitRouter, type FittedRouter } from './fitRouter.js';
import { MlpProbe } from './MlpProbe.js';

/** Batches of a text; each call goes through them anew, and whoever reads them disposes them. */
export type Batches = () => Iterable<{ batch: TokenBatch }>;

/** Experts of a dense model's layers that have some, by layer, and the routers that choose them. */
export interface ChannelExperts extends Omit<ChosenChannels, 'layers' | 'masks'> {
  channels: Map<number, ExpertChannels>;
  routers: Map<number, FittedRouter>;
}

/**
 * Cuts the MLPs of a dense model into experts, one for each domain, as Read-ME does (arXiv 2410.19123): the channels that are
 * most active on its text. Routers are fitted to the experts that have most of a token's own channels:
 * softmax over |M(token) and M(domain)|, of the channels that the dense model uses most for it.
 *
 * @param domains text of each domain
 * @param layers those that get experts, counted from 0
 * @param width hidden channels of each domain
 */
export async function channelExperts(
  dense: Gpt,
  domains: readonly Batches[],
  { layers, width, sharedWidth }: { layers: readonly number[]; width: number; sharedWidth?: number },
): Promise<ChannelExperts> {
  const probe = new MlpProbe(dense);
  try {
    const activity = await activityOf(probe, domains, layers);
    const { masks, layers: channels, ...widths } = chooseChannels(activity, { width, sharedWidth });
    const routers = await routersOf(probe, domains, { layers, masks, width });
    return {
      ...widths,
      channels: new Map(layers.map((layer, i) => [layer, channels[i]!])),
      routers: new Map(layers.map((layer, i) => [layer, routers[i]!])),
    };
  } finally {
    probe.dispose();
  }
}

/** Mean absolute values of the hidden channels: (layers, domains, f). */
async function activityOf(
  probe: MlpProbe,
  domains: readonly Batches[],
  layers: readonly number[],
): Promise<Float64Array[][]> {
  const sums = layers.map((): Float64Array[] => []);
  for (const batches of domains) {
    let tokens = 0;
    const own = layers.map(() => new Float64Array(0));
    for await (const { values, numTokens } of passes(probe, batches)) {
      tokens += numTokens;
      layers.forEach((layer, i) => {
        const sum = tf.tidy(() => tf.sum(tf.abs(values[layer]!.hidden), 0).dataSync<'float32'>());
        own[i] = Float64Array.from(sum, (value, f) => value + (own[i]![f] ?? 0));
      });
    }
    own.forEach((sum, i) => sums[i]!.push(sum.map((value) => value / Math.max(1, tokens))));
  }
  return sums;
}

async function routersOf(
  probe: MlpProbe,
  domains: readonly Batches[],
  { layers, masks, width }: { layers: readonly number[]; masks: readonly number[][][]; width: number },
): Promise<FittedRouter[]> {
  const seen = layers.map(() => ({ inputs: [] as tf.Tensor2D[], targets: [] as tf.Tensor2D[] }));
  try {
    for (const batches of domains)
      for await (const { values } of passes(probe, batches))
        layers.forEach((layer, i) => {
          const { inputs, hidden } = values[layer]!;
          seen[i]!.inputs.push(tf.keep(inputs.clone()));
          seen[i]!.targets.push(tf.keep(targetsOf(hidden, masks[i]!, width)));
        });
    return seen.map(({ inputs, targets }) => {
      const whole = tf.tidy(() => [tf.concat(inputs), tf.concat(targets)] as [tf.Tensor2D, tf.Tensor2D]);
      try {
        return fitRouter(...whole);
      } finally {
        tf.dispose(whole);
      }
    });
  } finally {
    tf.dispose(seen.map(({ inputs, targets }) => [inputs, targets]));
  }
}

/** What a router should say of each token: (T, N). */
function targetsOf(hidden: tf.Tensor2D, masks: readonly number[][], width: number): tf.Tensor2D {
  const [tokens, f] = hidden.shape;
  const values = hidden.dataSync<'float32'>();
  const isUsed = new Float32Array(tokens * f);
  for (let t = 0; t < tokens; t++) {
    const own = values.subarray(t * f, (t + 1) * f).map(Math.abs);
    for (const channel of largest(own, width)) isUsed[t * f + channel] = 1;
  }
  const isOfExpert = new Float32Array(f * masks.length);
  masks.forEach((mask, e) => mask.forEach((channel) => (isOfExpert[channel * masks.length + e] = 1)));
  return tf.tidy(() => {
    const overlap = tf.matMul(tf.tensor2d(isUsed, [tokens, f]), tf.tensor2d(isOfExpert, [f, masks.length]));
    return tf.softmax(overlap) as tf.Tensor2D;
  });
}

async function* passes(probe: MlpProbe, batches: Batches) {
  for (const { batch } of batches()) {
    const values = probe.run(batch.ids);
    const numTokens = batch.ids.size;
    tf.dispose(batch);
    yield { values, numTokens };
    tf.dispose(values);
    await nextTurn();
  }
}
