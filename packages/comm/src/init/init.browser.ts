import { CommError } from '../communicator/CommError.js';
import type { Communicator } from '../communicator/Communicator.js';
import { GroupCommunicator } from '../communicator/GroupCommunicator.js';
import { checkTimeout } from '../communicator/prepareCall.js';
import { SelfEngine } from '../engine/SelfEngine.js';
import type { InitOptions } from './init.js';

/**
 * Makes the communicator of a world of one rank, which is all that a browser has.
 *
 * @throws CommError where more is asked for
 */
export function init(options: InitOptions = {}): Promise<Communicator> {
  return Promise.resolve(options).then(openWorldOfOne);
}

function openWorldOfOne({ engine = 'auto', timeoutMs = 300_000, place, name }: InitOptions): Communicator {
  checkTimeout('init', timeoutMs);
  const size = place?.worldSize ?? 1;
  if (engine === 'gloo' || size !== 1) {
    throw new CommError(
      'SCMOE_COMM_UNAVAILABLE',
      `in a browser there is engine 'self' with one rank, got engine '${engine}' with ${size}`,
    );
  }
  return new GroupCommunicator(new SelfEngine(name), { timeoutMs });
}
