import { RandomStream } from '@scmoe/tensor';

import { LossTrend } from './LossTrend.js';

/** Losses that fall from 4 to 2, scattered by a tenth. */
function losses(count: number): number[] {
  const random = new RandomStream({ seed: 3 });
  return Array.from({ length: count }, (_, i) => 2 + 2 * Math.exp(-i / 50) + 0.1 * (random.uniform() - 0.5));
}

describe('the trend of a loss', () => {
  it('has nothing far above it while the loss falls and scatters', () => {
    const trend = new LossTrend();
    expect(losses(500).filter((loss) => trend.add(loss, 8))).toEqual([]);
  });

  it('has a spike far above it, and the next ones too while it lasts', () => {
    const trend = new LossTrend();
    for (const loss of losses(200)) trend.add(loss, 8);
    for (const spike of [4, 5, 4.5]) expect(trend.add(spike, 8)?.trend).toBeCloseTo(2, 0);
    expect(trend.add(2.1, 8)).toBeUndefined();
  });

  it('says nothing of the first steps, nor where no limit is set', () => {
    const trend = new LossTrend();
    expect([1, 1, 1, 100].map((loss) => trend.add(loss, 8))).toEqual(Array(4).fill(undefined));
    for (const loss of losses(50)) trend.add(loss, 0);
    expect(trend.add(1000, 0)).toBeUndefined();
  });
});
