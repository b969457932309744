import { expectPositiveInteger, expectThat } from '@scmoe/errors';

import { DryEngine } from '../engine/DryEngine.js';
import type { Communicator } from './Communicator.js';
import { GroupCommunicator } from './GroupCommunicator.js';

/**
 * A communicator of one rank among `size` that are not there: collectives check their arguments and give results of the right
 * type and length at once, but nothing is exchanged. For finding out what a step takes before it runs.
 *
 * @throws ArgumentError for a rank that is not in 0 ... size - 1
 */
export function dryCommunicator({ rank, size }: { rank: number; size: number }): Communicator {
  expectPositiveInteger('size', size);
  expectThat(Number.isInteger(rank) && rank >= 0 && rank < size, 'rank', `a rank of ${size}`, rank);
  return new GroupCommunicator(new DryEngine({ rank, size }), { timeoutMs: 1000 });
}
