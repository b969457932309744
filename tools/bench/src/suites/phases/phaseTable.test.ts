import { phaseTable } from './phaseTable.js';

const rates = { flops: 200e9, bytes: 50e9 };
/** The cells of each line, by its first. */
function cells(text: string): Record<string, string> {
  const lines = text.split('\n').slice(2);
  const entries = lines.map((line) => line.split('|').map((cell) => cell.trim()));
  return Object.fromEntries(entries.map((parts) => [parts[1]!, parts.slice(2, -1).join(', ')]));
}

const round = (scale: number) =>
  new Map([
    ['product', { calls: 2, seconds: 0.05 * scale, flops: 8e9, bytes: 1e6 }],
    ['update', { calls: 1, seconds: 0.03 * scale, flops: 0, bytes: 1e9 }],
    ['sum', { calls: 9, seconds: 0.004 * scale, flops: 0, bytes: 4e8 }],
    ['scalar', { calls: 5, seconds: 0.0001 * scale, flops: 0, bytes: 1e6 }],
    ['copy', { calls: 1, seconds: 0.0001 * scale, flops: 0, bytes: 5e6 }],
  ]);

it('sets each phase beside the slower of its limits, and says of none that it was faster than memory', () => {
  // Medians are those of the round in the middle.
  expect(cells(phaseTable([round(3), round(1), round(0.5)], 0.1, rates))).toEqual({
    product: '2, 50.0 ms, 40.0 ms, 80 %, 10.0 ms',
    update: '1, 30.0 ms, 20.0 ms, 67 %, 10.0 ms',
    sum: '9, 4.0 ms, , in the caches, ',
    // 0.02 ms for the scalars, and no more than the 0.1 ms that the copy took.
    'other kernels': '6, 0.2 ms, 0.1 ms, 60 %, 0.1 ms',
    JavaScript: '1, 15.8 ms, 0.0 ms, 0 %, 15.8 ms',
    step: '1, 100.0 ms, 64.1 ms, 64 %, 35.9 ms',
  });
});
