import { constants } from 'node:os';

import type { Communicator } from '@scmoe/comm';
import { stopSignals } from '@scmoe/comm/launch';

import type { StopReason } from './stopSignal.js';

/**
 * Why all ranks have stopped, where perhaps one alone was told to: a signal before the time. Every rank calls it, once
 * its part of the checkpoint is handed over, and returns when rank 0 has written all of it.
 */
export async function agreeOnReason(own: StopReason | undefined, world: Communicator | undefined): Promise<StopReason> {
  const reasons: StopReason[] = [...stopSignals].sort((a, b) => constants.signals[a] - constants.signals[b]);
  reasons.push('time');
  if (!world) return own ?? 'time';
  const counts = await world.allReduce(Float32Array.from(reasons, (reason) => Number(reason === own))).done;
  return reasons.find((_, i) => counts[i]! > 0) ?? 'time';
}
