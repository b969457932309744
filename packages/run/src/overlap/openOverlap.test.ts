import type { OverlapOptions } from '../options/overlapOptions.js';
import type { RunSettings } from '../options/Settings.js';
import { openOverlap } from './openOverlap.js';

interface Settings {
  kind?: string;
  connectivity?: string;
  routerAhead?: boolean;
  batchSize?: number;
  sequenceLength?: number;
}

const options: OverlapOptions = { overlap: 'auto', chunks: 1, expertChunks: 'auto', split: 'off', traceSteps: 2 };
const open = (change: Partial<OverlapOptions>, settings: Settings = {}) =>
  openOverlap(
    { ...options, ...change },
    {
      name: 'a program',
      settings: { batchSize: 4, ...settings } as RunSettings,
      groups: undefined,
      numExperts: 4,
    },
  );

describe('openOverlap', () => {
  it.each<[Partial<OverlapOptions>, Settings, string]>([
    [{ split: 'batch' }, { kind: 'dgmoe' }, '--split: expected off or auto with --kind dgmoe, got batch.'],
    [{ split: 'sequence', overlap: 'off' }, {}, '--split: expected off or auto with --overlap off, got sequence.'],
    [
      { split: 'batch' },
      { batchSize: 1 },
      '--split: expected a --batch-size of at least 2 for batch, got 1; sequence cuts each sequence.',
    ],
    [
      { split: 'sequence' },
      { sequenceLength: 1 },
      '--split: expected a --sequence-length of at least 2 for sequence, got 1',
    ],
    [{ split: 'batch' }, { kind: 'farskip' }, '--split: expected off or auto with FarSkip, whose experts travel'],
    [
      { split: 'batch' },
      { connectivity: 'farskip' },
      '--split: expected off or auto with FarSkip, whose experts travel',
    ],
    [{ split: 'batch' }, { routerAhead: true }, '--split: expected off or auto with --router-ahead, whose route'],
    [{ chunks: 2 }, { kind: 'dgmoe' }, '--chunks: expected 1 with --kind dgmoe, got 2.'],
    [{ expertChunks: 2 }, { kind: 'dgmoe' }, '--expert-chunks: expected 1 with --kind dgmoe, got 2.'],
    [{ backwardChunks: 2 }, { kind: 'dgmoe' }, '--backward-chunks: expected 1 with --kind dgmoe, got 2.'],
    [
      { backwardExpertChunks: 2 },
      { routerAhead: true },
      '--backward-expert-chunks: expected none, or as --expert-chunks, with --router-ahead, whose parts',
    ],
    [
      { backwardChunks: 2, split: 'batch' },
      {},
      '--backward-chunks: expected none, or as --chunks, with --split batch, got 2.',
    ],
  ])('refuses %j with %j by name', async (change, settings, message) => {
    await expect(open(change, settings)).rejects.toThrow(message);
  });

  it('has nothing to decide where no tokens travel', async () => {
    for (const split of ['off', 'auto', 'batch', 'sequence'] as const) expect(await open({ split })).toBeUndefined();
  });
});
