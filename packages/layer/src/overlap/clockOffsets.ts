import type { Communicator } from '@scmoe/comm';
import { estimateClockOffset, type PingPong } from '@scmoe/scheduler';

import { gatherText } from './gatherText.js';

const rounds = 5;

/**
 * How far the clock of each rank is ahead of rank 0's, in ms: messages go to it and back. A collective: all ranks call it.
 *
 * @param now this rank's clock in ms
 */
export async function clockOffsets(communicator: Communicator, now: () => number): Promise<number[]> {
  const { rank, size } = communicator;
  const message = Int32Array.of(0);
  /** What this rank saw of the messages between rank 0 and each other: when the first left or came, when the second did. */
  const seen: [first: number, second: number][][] = [];
  for (let other = 1; other < size; other++) {
    const times: [number, number][] = [];
    for (let round = 0; round < rounds; round++) {
      await communicator.barrier().done;
      const sent = now();
      communicator.broadcast(message, { root: 0 }).wait();
      const received = now();
      communicator.broadcast(message, { root: other }).wait();
      times.push(rank === 0 ? [sent, now()] : [received, received]);
    }
    seen.push(times);
  }
  const all = (await gatherText(communicator, JSON.stringify(seen))).map((text) => JSON.parse(text) as typeof seen);
  const offsets = Array.from({ length: size - 1 }, (_, i) => {
    const pings = all[0]![i]!.map(([sentMs, receivedMs], round): PingPong => {
      const [remoteReceivedMs, remoteSentMs] = all[i + 1]![i]![round]!;
      return { sentMs, receivedMs, remoteReceivedMs, remoteSentMs };
    });
    return estimateClockOffset(pings).offsetMs;
  });
  return [0, ...offsets];
}
