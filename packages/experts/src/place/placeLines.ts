import { plainText } from '@scmoe/errors';

import type { PlaceReport } from './placeExperts.js';

/** A report in words, line by line: where experts go, and what that saves. */
export function placeLines({
  from,
  objective,
  ranks,
  placements,
  before,
  after,
  savedBytes,
  gains,
  saved,
}: PlaceReport): string[] {
  const size = Object.values(placements)[0]!.length / ranks;
  const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)} %`;
  const evenly = before.rows / ranks;
  return [
    `checkpoint: ${plainText(from)}`,
    `experts of each of ${ranks} ranks, by ${objective}:`,
    ...Object.entries(placements).map(([layer, placement]) => {
      const ofRanks = Array.from({ length: ranks }, (_, r) => placement.slice(r * size, (r + 1) * size).join(' '));
      return `  ${layer}: ${ofRanks.join(' | ')}`;
    }),
    `on held-out text, of ${before.rows} rows to experts:`,
    `  leave their rank          ${percent(before.remoteRows, before.rows)} before, ${percent(after.remoteRows, before.rows)} after`,
    `  on the fullest rank       ${(before.fullestRank / evenly).toFixed(3)} times an even share before, ${(after.fullestRank / evenly).toFixed(3)} after`,
    `  bytes that no longer travel, there and back in float32: ${savedBytes}`,
    ...(gains ? [] : ['no gain to speak of: the texts ask for the same experts, as shuffled data do']),
    saved === undefined ? 'nothing was written' : `saved: ${plainText(saved)}`,
  ];
}
