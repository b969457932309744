import { table } from '../../table.js';
import type { LoadResult } from './runLoad.js';

/** What came of a load, as a table. */
export function loadReport(result: LoadResult): string {
  const { seconds, answers, tokens, left, cut, refused, errors, firstTokenMs, totalMs, memory } = result;
  const failed = [...errors].map(([what, times]) => `${times} x ${what}`);
  const mebibytes = memory.map(({ second, bytes }) => `${(bytes / 2 ** 20).toFixed(0)} (${second.toFixed(0)} s)`);
  return table(
    ['', ''],
    [
      ['answers', `${answers}, ${(answers / seconds).toFixed(1)} a second`],
      ['tokens written', `${tokens}, ${(tokens / seconds).toFixed(1)} a second`],
      ['given up by clients', String(left)],
      ['under way at the end', String(cut)],
      ['429', String(refused)],
      ['errors', failed.length > 0 ? failed.join('; ') : 'none'],
      ['first token of a stream, ms', quantiles(firstTokenMs)],
      ['whole answer, ms', quantiles(totalMs)],
      ['memory of the server, MiB', mebibytes.length > 0 ? mebibytes.join(', ') : 'not told'],
    ],
  );
}

function quantiles(values: readonly number[]): string {
  if (values.length === 0) return 'none';
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!.toFixed(0);
  return `median ${at(0.5)}, 95 % below ${at(0.95)}, most ${at(1)}`;
}
