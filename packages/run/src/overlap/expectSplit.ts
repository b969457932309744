import { UserError } from '@scmoe/errors';

import type { OverlapOptions } from '../options/overlapOptions.js';
import type { RunSettings } from '../options/Settings.js';

/** Settings that stand against halves, where a program has them. */
interface SplitSettings extends RunSettings {
  connectivity?: string;
  routerAhead?: boolean;
  sequenceLength?: number;
}

/**
 * Checks before the run that its stages can be split as `--split` says; `off` and `auto` always can.
 *
 * @throws UserError naming the options that do not go together
 */
export function expectSplit(
  { split, overlap }: Pick<OverlapOptions, 'split' | 'overlap'>,
  { kind, connectivity, routerAhead, batchSize, sequenceLength = Infinity }: SplitSettings,
): void {
  if (split === 'off' || split === 'auto') return;
  const refuse = (message: string) => new UserError(`--split: expected ${message}`, { exitCode: 2 });
  const against = [
    ...(kind === 'dgmoe' ? ['--kind dgmoe'] : []),
    ...(kind === 'farskip' || connectivity === 'farskip'
      ? ['FarSkip, whose experts travel behind the next stage already']
      : []),
    ...(routerAhead === true ? ['--router-ahead, whose route is made for whole layers'] : []),
    ...(overlap === 'off' ? ['--overlap off'] : []),
  ];
  if (against.length > 0) throw refuse(`off or auto with ${against[0]}, got ${split}.`);
  if (split === 'batch' && batchSize < 2)
    throw refuse(`a --batch-size of at least 2 for batch, got ${batchSize}; sequence cuts each sequence.`);
  if (split === 'sequence' && sequenceLength < 2)
    throw refuse(`a --sequence-length of at least 2 for sequence, got ${sequenceLength}; batch cuts the batch.`);
}
