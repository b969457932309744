import type { Parts } from './buildParts.js';
import type { Session } from './openSession.js';
import type { Start } from './openStart.js';
import { restoreState } from './trainingState.js';

/**
 * Takes model and optimizer back to the run's last whole checkpoint, on all ranks. Every rank calls it.
 *
 * @param say is told of checkpoints that are passed over because they are damaged
 * @returns the step of the checkpoint; undefined where there is none
 */
export async function rewind(
  { ranks: { groups } }: Start,
  { model, optimizer, balancer, monitor }: Parts,
  { checkpoints }: Session,
  say: (line: string) => void,
): Promise<number | undefined> {
  balancer.reset();
  monitor.reset();
  const checkpoint = await checkpoints.goBack(say);
  if (!checkpoint) return undefined;
  restoreState({ model, optimizer, groups }, checkpoint);
  return checkpoint.index.step;
}
