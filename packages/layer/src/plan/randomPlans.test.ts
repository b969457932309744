import { join } from 'node:path';

import type { RandomPlansReport } from '../testing/randomPlansProgram.js';
import { describeRanks, runRanks } from '../testing/ranks.js';

const program = join(import.meta.dirname, '..', 'testing', 'randomPlansProgram.ts');

/**
 * Random kinds, positions, slots, chunks, capacities and uneven loads down to no token at all, one rank slower than the
 * others. The products of a weight gradient are over the rows of a chunk: another order of the same float32 sums. Outputs
 * have the same bits: a row of a product does not depend on how many rows there are (docs/decisions.md#rows).
 */
describeRanks('150 random plans', () => {
  it.each([2, 4])('give what the sequential plan gives, on %i ranks', async (ranks) => {
    const reports = await runRanks<RandomPlansReport>(program, ranks);
    for (const report of reports) {
      expect(report.trials).toBe(150);
      expect([report.withoutTokens, report.inChunks, report.withCapacity].every((count) => count > 3)).toBe(true);
      if (!(report.worst < 5e-6)) throw new Error(`a gradient is off by ${report.worst}: ${report.worstTrial}`);
      expect(report.worst).toBeGreaterThan(0);
      expect(report.differentOutputs).toBe(0);
      expect(report.tensorsLeft).toBe(0);
    }
  });
});
