import { init } from '@scmoe/comm';
import { dispatchOver, tensorSchedules } from '@scmoe/layer';

import type { RunSettings } from '../options/Settings.js';
import { expectBackwardParts } from './expectBackwardParts.js';

const options = { overlap: 'auto', chunks: 1, expertChunks: 'auto', split: 'off' } as const;

describe('expectBackwardParts', () => {
  it.each(tensorSchedules)('allows parts of the backward pass where rows of %s know their ranks', async (schedule) => {
    const self = await init({ engine: 'self' });
    const groups = { world: self, tensor: self, data: self, experts: self, peers: self, replicas: self };
    const { dispatcher } = dispatchOver({ ...groups, expertShards: 1 }, { numExperts: 2, schedule });
    const isPossible = dispatcher!.rowsFrom !== undefined;
    for (const one of [schedule, ['s1', schedule] as const]) {
      const context = { settings: {} as RunSettings, isRecorded: false, schedule: one };
      expect(expectBackwardParts(options, context)).toBe(isPossible);
      const asked = () => expectBackwardParts({ ...options, backwardChunks: 2 }, context);
      if (isPossible) expect(asked()).toBe(true);
      else
        expect(asked).toThrow(`--backward-chunks: expected none, or as --chunks, with --tensor-schedule ${schedule}, `);
    }
    await self.close();
  });
});
