import type { FlightEntry, FlightRecord } from '../index.js';
import { analyzeFlightRecords } from './analyzeFlightRecords.js';

type Sketch = [call: string, state: FlightEntry['state'], waitingFor?: number[], reached?: FlightEntry['reached']];

function record(rank: number, size: number, sketches: Sketch[], group = 'world/0.1'): FlightRecord {
  const entries = sketches.map(
    ([call, state, waitingFor = [], reached = 'waiting for ranks'], sequence): FlightEntry => ({
      sequence,
      operation: call.replace(/\(.*/, ''),
      call,
      dtype: 'float32',
      bytes: 4,
      state,
      reached: state === 'queued' ? 'queued' : reached,
      waitingFor,
      issuedMs: 1,
      startedMs: state === 'queued' ? 0 : 2,
      finishedMs: 3,
    }),
  );
  return { version: 1, group, rank, size, reason: 'a reason', writtenMs: 4, entries };
}

const sum = 'allReduce(sum, float32, 8 elements)';
const gather = 'allGather(float32, 8 elements)';

describe('analyzeFlightRecords', () => {
  it('finds nothing where all is done', () => {
    const records = [0, 1].map((rank) => record(rank, 2, [[sum, 'done']]));
    expect(analyzeFlightRecords(records)).toEqual({
      findings: [],
      groups: [
        {
          name: 'world/0.1',
          size: 2,
          reasons: [
            { rank: 0, reason: 'a reason' },
            { rank: 1, reason: 'a reason' },
          ],
        },
      ],
    });
    expect(analyzeFlightRecords([]).findings).toEqual([]);
  });

  it('names the rank that never entered, with and without a record of its own', () => {
    const waiting: Sketch[] = [
      [sum, 'done'],
      [gather, 'failed', [2]],
    ];
    const behind = record(2, 3, [[sum, 'done']]);
    const { findings } = analyzeFlightRecords([record(0, 3, waiting), record(1, 3, waiting), behind]);
    expect(findings.map(({ kind, ranks, sequence, text }) => ({ kind, ranks, sequence, text }))).toEqual([
      {
        kind: 'never entered',
        ranks: [2],
        sequence: 1,
        text: `rank 2 never entered collective 1: ranks 0 and 1 called ${gather}`,
      },
    ]);
    const without = analyzeFlightRecords([record(0, 3, waiting), record(1, 3, waiting)]).findings;
    expect(without.map(({ kind, ranks }) => [kind, ranks])).toEqual([
      ['no record', [2]],
      ['never entered', [2]],
    ]);
  });

  it('a collective that only stood in the queue was not entered', () => {
    const { findings } = analyzeFlightRecords([record(0, 2, [[sum, 'failed', [1]]]), record(1, 2, [[sum, 'queued']])]);
    expect(findings.map(({ kind, ranks }) => [kind, ranks])).toEqual([['never entered', [1]]]);
  });

  it('shows both sides of a disagreement', () => {
    const { findings } = analyzeFlightRecords([
      record(0, 3, [[sum, 'failed']]),
      record(1, 3, [[gather, 'failed']]),
      record(2, 3, [[sum, 'failed']]),
    ]);
    expect(findings).toMatchObject([
      {
        kind: 'disagreement',
        sequence: 0,
        text: `the ranks disagree on collective 0: ranks 0 and 2 called ${sum}; rank 1 called ${gather}`,
      },
    ]);
  });

  it('tells a rank that entered and was lost from one that never came', () => {
    const { findings } = analyzeFlightRecords([
      record(0, 3, [[sum, 'failed', [2], 'moving data']]),
      record(1, 3, [[sum, 'done']]),
    ]);
    expect(findings.map(({ kind, ranks }) => [kind, ranks])).toEqual([
      ['no record', [2]],
      ['not finished', [0, 2]],
    ]);
  });

  it('keeps groups apart', () => {
    const { findings } = analyzeFlightRecords([
      record(0, 1, [[sum, 'failed', [], 'moving data']], 'a'),
      record(0, 2, [[sum, 'failed', [1]]], 'b'),
    ]);
    expect(findings.map(({ group, kind }) => [group, kind])).toEqual([
      ['a', 'not finished'],
      ['b', 'no record'],
      ['b', 'never entered'],
    ]);
  });
});
