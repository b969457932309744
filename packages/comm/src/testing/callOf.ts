import type { Communicator } from '../communicator/Communicator.js';
import type { Work } from '../communicator/Work.js';

export const callNames = [
  'allToAll',
  'allToAllV',
  'allReduce',
  'allGather',
  'allGatherV',
  'reduceScatter',
  'broadcast',
  'barrier',
] as const;
export type CallName = (typeof callNames)[number];

// What a rank sends and receives in all: tens of MiB, so that the middle of a collective lasts.
const elements = 1 << 23;

/** Each collective once, with so much data that it takes a while. */
export function callOf(name: CallName, communicator: Communicator, timeoutMs?: number): Work<unknown> {
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  const { size } = communicator;
  const data = new Float32Array(name.startsWith('allGather') ? elements / size : elements);
  const even = Array<number>(size).fill(data.length / size);
  switch (name) {
    case 'allToAllV':
      return communicator.allToAllV(data, { sendCounts: even, recvCounts: even }, options);
    case 'allGatherV':
      return communicator.allGatherV(data, { recvCounts: Array<number>(size).fill(data.length) }, options);
    case 'barrier':
      return communicator.barrier(options);
    default:
      return communicator[name](data, options);
  }
}
