import { plainText } from '@scmoe/errors';

import type { PlaceObjective, PlaceReport } from './placeExperts.js';

/** What has to be so for a placement to pay, where the dispatcher here has it otherwise. */
const of: Partial<Record<PlaceObjective, string>> = {
  coChoice: ', where one row goes to each rank of a token (here every choice has its own)',
  interLayer:
    ', where tokens stay with their experts (here they come home after every layer, as a shortcut needs them to)',
};

/** A report in words, line by line: where experts go, and what that saves. */
export function placeLines({
  from,
  objective,
  ranks,
  nodes,
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
  const line = (what: string, name: 'remoteRows' | 'rowsBetweenNodes' | 'remoteRanks') =>
    `  ${what.padEnd(25)} ${percent(before[name], before.rows)} before, ${percent(after[name], before.rows)} after`;
  return [
    `checkpoint: ${plainText(from)}`,
    `experts of each of ${ranks} ranks${nodes > 1 ? ` on ${nodes} nodes` : ''}, by ${objective}:`,
    ...Object.entries(placements).map(([layer, placement]) => {
      const ofRanks = Array.from({ length: ranks }, (_, r) => placement.slice(r * size, (r + 1) * size).join(' '));
      return `  ${layer}: ${ofRanks.join(' | ')}`;
    }),
    `on held-out text, of ${before.rows} rows to experts:`,
    line('leave their rank', 'remoteRows'),
    ...(nodes > 1 ? [line('leave their node', 'rowsBetweenNodes')] : []),
    `  on the fullest rank       ${(before.fullestRank / evenly).toFixed(3)} times an even share before, ${(after.fullestRank / evenly).toFixed(3)} after`,
    ...(objective === 'coChoice' ? [line('one for each rank', 'remoteRanks')] : []),
    ...(objective === 'interLayer'
      ? [`  tokens that change ranks  ${before.moves.toFixed(0)} before, ${after.moves.toFixed(0)} after`]
      : []),
    `  bytes that no longer travel, ${objective === 'interLayer' ? 'once' : 'there and back'} in float32: ${Math.round(savedBytes)}${of[objective] ?? ''}`,
    ...(gains
      ? []
      : [
          `no gain to speak of${objective === 'home' ? ': the texts ask for the same experts, as shuffled data do' : ' on text that it was not chosen by'}`,
        ]),
    saved === undefined ? 'nothing was written' : `saved: ${plainText(saved)}`,
  ];
}
