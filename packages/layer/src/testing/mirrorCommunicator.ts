import type { Communicator } from '@scmoe/comm';
import * as tf from '@tensorflow/tfjs';

/**
 * Rank 0 of `size` without the others: what it sends comes back as what they sent. That is what happens where all ranks
 * send each other the same. `bytes` adds up what would have left this rank, with 4 or, as bf16, 2 for each number.
 */
export function mirrorCommunicator(size: number): { communicator: Communicator; sent: { bytes: number } } {
  const sent = { bytes: 0 };
  const away = (elements: number, bytesPerElement: number) => {
    sent.bytes += ((elements * (size - 1)) / size) * bytesPerElement;
  };
  const communicator = {
    rank: 0,
    size,
    allToAll: (counts: Int32Array) => {
      away(counts.length, counts.BYTES_PER_ELEMENT);
      return { wait: () => Int32Array.from(counts) };
    },
    allToAllV: (
      rows: tf.Tensor,
      { sendCounts, recvCounts }: { sendCounts: readonly number[]; recvCounts: readonly number[] },
      { as }: { as?: 'bf16' },
    ) => {
      const even = rows.shape[0] / size;
      if ([...sendCounts, ...recvCounts].some((count) => count !== even)) {
        throw new Error(
          `a mirror needs ${even} rows to and from every rank, got ${sendCounts.join()} and ${recvCounts.join()}`,
        );
      }
      away(rows.size, as === 'bf16' ? 2 : 4);
      const data = rows.dataSync<'float32'>().slice();
      // Made in the scope of the one who waits, as a communicator does.
      return { wait: () => tf.tensor(data, rows.shape, 'float32') };
    },
  };
  return { communicator: communicator as unknown as Communicator, sent };
}
