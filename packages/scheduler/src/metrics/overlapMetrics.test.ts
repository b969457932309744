import { stageGraph } from '../graph/stageGraphs.js';
import { costsOf } from '../testing/randomCosts.js';
import { communicationShare, hiddenFraction, lowerBoundMs } from './overlapMetrics.js';

describe('overlap metrics', () => {
  it('the hidden fraction is 1 for all, 0 for nothing, negative for overlap that hurts', () => {
    expect(hiddenFraction({ overlappedMs: 0, sequentialMs: 4 })).toBe(1);
    expect(hiddenFraction({ overlappedMs: 4, sequentialMs: 4 })).toBe(0);
    expect(hiddenFraction({ overlappedMs: 5, sequentialMs: 4 })).toBe(-0.25);
  });

  it('the hidden fraction of nothing is 1, or minus infinity where overlap made something of it', () => {
    expect(hiddenFraction({ overlappedMs: 0, sequentialMs: 0 })).toBe(1);
    expect(hiddenFraction({ overlappedMs: 1, sequentialMs: 0 })).toBe(-Infinity);
    expect(() => hiddenFraction({ overlappedMs: 1, sequentialMs: NaN })).toThrow(/got 1 and NaN/);
  });

  it('the communication share is that of all-to-all in the MoE time', () => {
    expect(communicationShare({ allToAllMs: 6, moeComputeMs: 4 })).toBe(0.6);
    expect(communicationShare({ allToAllMs: 0, moeComputeMs: 0 })).toBe(0);
    expect(() => communicationShare({ allToAllMs: -1, moeComputeMs: 4 })).toThrow(/allToAllMs: .* got -1/);
  });

  it('the bound is the longer of all computations and all exchanges', () => {
    const graph = stageGraph('standard');
    expect(lowerBoundMs(graph, costsOf(graph, { dispatch: 1, combine: 1 }))).toBe(8);
    expect(lowerBoundMs(graph, costsOf(graph, { dispatch: 9, combine: 1 }))).toBe(10);
  });
});
