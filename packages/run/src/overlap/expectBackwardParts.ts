import { UserError } from '@scmoe/errors';
import type { TensorSchedule } from '@scmoe/layer';
import { dealsRows } from '@scmoe/scheduler';

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

/** The options that cut both passes. */
type PartOptions = Pick<OverlapOptions, 'chunks' | 'expertChunks' | 'backwardChunks' | 'backwardExpertChunks'>;

/** The options that give the backward pass other parts than the forward pass, whatever is measured. */
export function askedBackwardParts({ chunks, expertChunks, backwardChunks, backwardExpertChunks }: PartOptions) {
  const options = [
    { flag: '--chunks', forward: chunks, own: backwardChunks },
    { flag: '--expert-chunks', forward: expertChunks, own: backwardExpertChunks },
  ];
  return options.filter(({ forward, own }) => own !== undefined && own !== 'auto' && own !== forward);
}

/**
 * Checks before the run that its backward passes can be cut as the options say.
 *
 * @returns whether they may have parts of their own
 * @throws UserError naming the options that do not go together
 */
export function expectBackwardParts(
  options: PartOptions & Pick<OverlapOptions, 'split'>,
  { settings, isRecorded, schedule = 's1' }: BackwardContext,
): boolean {
  const { split } = options;
  const dealing = [schedule].flat().find(dealsRows);
  const against = [
    ...(isRecorded ? ['compiled steps, which are recorded once (--no-compile has others)'] : []),
    ...(settings.routerAhead === true ? ['--router-ahead, whose parts are made for all layers'] : []),
    ...(dealing ? [`--tensor-schedule ${dealing}, which deals rows out by their part`] : []),
    ...(split === 'batch' || split === 'sequence' ? [`--split ${split}`] : []),
  ];
  if (against.length === 0) return true;
  for (const { flag, own } of askedBackwardParts(options)) {
    const name = flag.replace('--', '--backward-');
    throw new UserError(`${name}: expected none, or as ${flag}, with ${against[0]}, got ${own}.`, { exitCode: 2 });
  }
  return false;
}
