import type { Gpt } from '@scmoe/models';
import * as tf from '@tensorflow/tfjs';

const validationBatch = 64;

/** Texts and what follows each character, (starts, sequenceLength) each, from some places of `ids`. */
export function windows(ids: Int32Array, starts: readonly number[], sequenceLength: number) {
  const rows = (shift: number) =>
    tf.tensor2d(
      Int32Array.from(starts.flatMap((start) => [...ids.subarray(start + shift, start + shift + sequenceLength)])),
      [starts.length, sequenceLength],
      'int32',
    );
  return { ids: rows(0), targets: rows(1) };
}

/** Mean cross-entropy of the whole split, in nats per character. */
export async function validationLoss(model: Gpt, ids: Int32Array): Promise<number> {
  const { sequenceLength } = model.config;
  const starts: number[] = [];
  for (let start = 0; start + sequenceLength + 1 <= ids.length; start += sequenceLength) starts.push(start);
  let sum = 0;
  for (let i = 0; i < starts.length; i += validationBatch) {
    const chunk = starts.slice(i, i + validationBatch);
    const loss = tf.tidy(() => model.loss(windows(ids, chunk, sequenceLength)).crossEntropy);
    sum += (await loss.data())[0]! * chunk.length;
    loss.dispose();
  }
  return sum / starts.length;
}
