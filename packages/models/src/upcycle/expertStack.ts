import { initializeParameter, type ParameterSpec } from '@scmoe/layer';
import * as tf from '@tensorflow/tfjs';

/** How experts that are made from one MLP differ from each other. */
export interface Variation {
  /**
   * Standard deviation of what is added to the matrices of each expert, in units of that of their own values. It breaks the
   * tie between equal experts; the model no longer starts as exactly the dense one.
   */
  noise?: number;
  /**
   * Share of the hidden channels of each expert, others for each, whose weights are drawn anew with the mean and the deviation
   * of the matrix (Drop-Upcycling, arXiv 2502.19261): the model starts worse than the dense one, and its experts apart.
   */
  reinitialize?: number;
}

/** The axis of an MLP's parameter on which its hidden channels are; its output bias has none. */
export const hiddenAxes: Readonly<Record<string, number | undefined>> = {
  ...{ w1: 1, gate: 1, up: 1 },
  ...{ b1: 0, gateBias: 0, upBias: 0, w2: 0, down: 0 },
};

/**
 * One parameter of all experts of a layer, or of those of a shard, from that of the MLP: (N, ...).
 *
 * @param weight of the MLP: `w1`, `gate`, `downBias`
 * @param block name of the layer
 */
export function expertStack(
  value: tf.Tensor,
  spec: ParameterSpec,
  {
    block,
    weight,
    channels,
    seed,
    noise = 0,
    reinitialize = 0,
  }: Variation & { block: string; weight: string; channels?: readonly (readonly number[])[]; seed: number },
): tf.Tensor {
  const count = spec.shape[0]!;
  const first = spec.part?.first ?? 0;
  const axis = hiddenAxes[weight];
  const stack =
    channels && axis !== undefined
      ? tf.stack(channels.slice(first, first + count).map((own) => tf.gather(value, [...own], axis)))
      : tf.tile(tf.expandDims(value, 0), [count, ...value.shape.map(() => 1)]);
  if (value.rank < 2 || (noise === 0 && reinitialize === 0)) return stack;

  const { mean, variance } = tf.moments(value);
  const deviation = Math.sqrt(variance.dataSync()[0]!);
  // The routed experts of an ScMoE block begin with an output of zero, whatever else they are.
  if (deviation === 0) return stack;
  const drawn = (what: string, standardDeviation: number) =>
    initializeParameter(
      `${block}.experts.${weight}.${what}`,
      { ...spec, initial: 'normal' },
      { seed, standardDeviation },
    );
  const varied = noise === 0 ? stack : tf.add(stack, drawn('noise', noise * deviation));
  if (reinitialize === 0) return varied;
  const hidden = stack.shape[1 + axis!]!;
  const isNew = drawnChannels(hidden, { block, share: reinitialize, first, count, of: spec.part?.of ?? count, seed });
  const along = axis === 0 ? [count, hidden, 1] : [count, 1, hidden];
  return tf.where(
    tf.broadcastTo(tf.reshape(isNew, along), stack.shape),
    tf.add(mean, drawn('anew', deviation)),
    varied,
  );
}

/** Which channels of each expert are drawn anew: bool (count, hidden), the same for all matrices of an expert. */
function drawnChannels(
  hidden: number,
  {
    block,
    share,
    first,
    count,
    of,
    seed,
  }: { block: string; share: number; first: number; count: number; of: number; seed: number },
): tf.Tensor2D {
  const spec: ParameterSpec = { shape: [count, hidden], initial: 'normal', part: { first, of } };
  const order = initializeParameter(`${block}.experts.anew`, spec, { seed }).dataSync<'float32'>();
  const numNew = Math.round(share * hidden);
  const isNew = new Uint8Array(count * hidden);
  for (let e = 0; e < count; e++) {
    const own = order.subarray(e * hidden, (e + 1) * hidden);
    const channels = [...own.keys()].sort((a, b) => own[a]! - own[b]!);
    for (const channel of channels.slice(0, numNew)) isNew[e * hidden + channel] = 1;
  }
  return tf.tensor2d(isNew, [count, hidden], 'bool');
}
