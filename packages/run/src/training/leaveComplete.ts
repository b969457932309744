import { runFolderOf } from '@scmoe/trainer';

import { say } from '../cli/Terminal.js';
import type { Start } from './openStart.js';

/**
 * Ends a restart of a run that was trained to its last step and saved, and failed only afterwards. Every rank calls it.
 *
 * @returns the exit code
 */
export async function leaveComplete({ ranks, restarts, checkpoint, step }: Start): Promise<number> {
  const run = runFolderOf(checkpoint!.path).path;
  say(ranks.terminal, `This run is complete: ${step} steps; only its report is missing. saved: ${checkpoint!.path}`);
  say(ranks.terminal, `run: ${run}`);
  // The others have read the marker too.
  await ranks.groups?.world.barrier().done;
  if (ranks.rank === 0) await restarts.forget();
  return 0;
}
