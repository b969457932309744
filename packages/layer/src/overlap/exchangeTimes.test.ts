import { lastToLast, type SeenExchanges } from './exchangeTimes.js';

const clocks = { leftMs: [100, 200, 300] };
/** The same on a clock that is an hour ahead; one of the barriers was left late. */
const ahead = ({ transfers }: SeenExchanges): SeenExchanges => ({
  transfers: transfers.map((step) => step.map(([begin, end]) => [begin + 3.6e6, end + 3.6e6] as const)),
  leftMs: [100, 260, 300].map((ms) => ms + 3.6e6),
});

describe('lastToLast', () => {
  it('waits for nobody, and for the last one to have its rows, whatever the clocks say', () => {
    // Rank 1 comes 20 ms late and gets few rows: it has them after 5 ms, rank 0 after 12.
    const first = { transfers: [[[0, 32]]], ...clocks } as const;
    const second = ahead({ transfers: [[[20, 25]]], ...clocks });
    expect(lastToLast([first, second])).toEqual([[12]]);
    expect(lastToLast([second, first])).toEqual([[12]]);
  });

  it('gives every exchange of every step, and nothing where ranks saw other ones', () => {
    const first: SeenExchanges = { transfers: [[[0, 5], [5, 9]], [[50, 51]]], ...clocks }; // prettier-ignore
    const second: SeenExchanges = { transfers: [[[1, 3], [5, 10]], [[52, 58]]], ...clocks }; // prettier-ignore
    expect(lastToLast([first, second])).toEqual([[4, 5], [6]]);
    expect(lastToLast([first, { ...second, transfers: [[[1, 3]], [[52, 58]]] }])).toBeUndefined();
  });
});
