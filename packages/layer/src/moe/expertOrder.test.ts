import { byPart, byRank, expertOrder, inverseOf, rowsPerRank } from './expertOrder.js';

/** Rows as they come, rank by rank and expert by expert, each named by both. */
const arriving = (received: number[], experts: number) =>
  received.flatMap((rows, i) =>
    Array.from({ length: rows }, (_, row) => `expert ${i % experts}, rank ${Math.floor(i / experts)}, row ${row}`),
  );

describe('rowsPerRank', () => {
  it('adds up the experts of each rank', () => {
    expect(rowsPerRank([1, 2, 3, 0, 0, 7], [2, 2, 2])).toEqual([3, 3, 7]);
    expect(rowsPerRank([1, 2, 3, 0, 0, 7], [6])).toEqual([13]);
    expect(rowsPerRank(Int32Array.of(0, 0), [1, 1])).toEqual([0, 0]);
    expect(rowsPerRank([1, 2, 3, 4, 5], [1, 2, 2])).toEqual([1, 5, 9]);
  });
});

describe('byRank and byPart', () => {
  it('put together what goes to each rank, and take apart what came from each', () => {
    // Two parts over two ranks, of two experts and of one on each.
    const parts = [Int32Array.of(1, 2, 3, 4), Int32Array.of(5, 6)];
    const shares = [
      [2, 2],
      [1, 1],
    ];
    expect([...byRank(parts, shares)]).toEqual([1, 2, 5, 3, 4, 6]);
    expect(byPart([1, 2, 5, 3, 4, 6], shares, 0)).toEqual(parts);
  });

  it('have as many numbers for every rank where it has fewer experts than another', () => {
    const shares = [[1, 2]];
    expect([...byRank([Int32Array.of(7, 8, 9)], shares)]).toEqual([7, 0, 8, 9]);
    // Rank 0 got the first list of both ranks, rank 1 the second ones.
    expect(byPart([7, 0, 4, 0], shares, 0)).toEqual([Int32Array.of(7, 4)]);
    expect(byPart([8, 9, 5, 6], shares, 1)).toEqual([Int32Array.of(8, 9, 5, 6)]);
  });
});

describe('expertOrder', () => {
  const receipts: [string, number[], number][] = [
    ['two ranks, three experts', [2, 0, 1, 1, 3, 2], 2],
    ['an expert that gets nothing, a rank that sends nothing', [0, 2, 1, 0, 0, 0, 0, 1, 3], 3],
    ['one expert', [3, 0, 2, 1], 4],
    ['one rank', [3, 0, 2, 1], 1],
    ['nothing at all', [0, 0, 0, 0], 2],
  ];

  it.each(receipts)('puts the rows expert by expert, rank by rank within one: %s', (_, received, ranks) => {
    const experts = received.length / ranks;
    const rows = arriving(received, experts);
    const { counts, fromRanks, places } = expertOrder(received, ranks);
    const placed: string[] = [];
    rows.forEach((row, i) => (placed[places[i]!] = row));
    expect(placed).toEqual(rows.toSorted()); // by name: the order wanted
    expect(Array.from(counts)).toEqual(
      Array.from({ length: experts }, (_, e) => rows.filter((row) => row.startsWith(`expert ${e},`)).length),
    );
    expect(fromRanks).toEqual(
      Array.from({ length: ranks }, (_, r) => rows.filter((row) => row.includes(`rank ${r},`)).length),
    );
  });

  it.each(receipts)('is undone by its inverse: %s', (_, received, ranks) => {
    const { places } = expertOrder(received, ranks);
    const inverse = inverseOf(places);
    expect(Array.from(places, (place) => inverse[place])).toEqual(Array.from(places.keys()));
  });
});
