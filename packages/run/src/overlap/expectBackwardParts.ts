import { UserError } from '@scmoe/errors';
import type { TensorSchedule } from '@scmoe/layer';

import type { OverlapOptions } from '../options/overlapOptions.js';
import type { RunSettings } from '../options/Settings.js';

/** What speaks against a backward pass in other parts than the forward pass. */
interface BackwardContext {
  settings: RunSettings & { routerAhead?: boolean };
  /** Steps are recorded once and run many times. */
  isRecorded: boolean;
  /** How the tokens of a tensor-parallel group come to their experts. */
  schedule: TensorSchedule | readonly TensorSchedule[] | undefined;
}

/**
 * Checks before the run that its backward passes can be cut as the options say.
 *
 * @returns whether they may have parts of their own
 * @throws UserError naming the options that do not go together
 */
export function expectBackwardParts(
  {
    chunks,
    expertChunks,
    backwardChunks,
    backwardExpertChunks,
    split,
  }: Pick<OverlapOptions, 'overlap' | 'chunks' | 'expertChunks' | 'backwardChunks' | 'backwardExpertChunks' | 'split'>,
  { settings, isRecorded, schedule = 's1' }: BackwardContext,
): boolean {
  const against = [
    ...(isRecorded ? ['--compiled, whose steps are recorded'] : []),
    ...(settings.routerAhead === true ? ['--router-ahead, whose parts are made for all layers'] : []),
    ...([schedule].flat().includes('s2') ? ['--tensor-schedule s2, which deals rows out by their part'] : []),
    ...(split === 'batch' || split === 'sequence' ? [`--split ${split}`] : []),
  ];
  if (against.length === 0) return true;
  for (const [flag, forward, own] of [
    ['--chunks', chunks, backwardChunks],
    ['--expert-chunks', expertChunks, backwardExpertChunks],
  ] as const) {
    if (own === undefined || own === forward || own === 'auto') continue;
    const name = flag.replace('--', '--backward-');
    throw new UserError(`${name}: expected none, or as ${flag}, with ${against[0]}, got ${own}.`, { exitCode: 2 });
  }
  return false;
}
