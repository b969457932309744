import { table } from '../../table.js';
import type { CellRow } from './cellRows.js';
import { hiddenText } from './cellTable.js';
import type { Level, Mode } from './OverlapShape.js';
import type { PeerRow } from './peer.js';

/** What was measured of one level, at one share, in one mode. */
export interface HeadlineCell {
  level: Level;
  share: number;
  mode: Mode;
  rows: readonly CellRow[];
  peer?: { version: string; rows: readonly PeerRow[] };
}

/** One line of JSON for each row of the cells, which `npx nx run @scmoe/scaling:plots` draws. */
export function headlineLines(cells: readonly HeadlineCell[]): string {
  return cells
    .flatMap(({ level, share, mode, rows }) =>
      rows.map((row) => `${JSON.stringify({ level, share, mode, contender: contenderOf(row), ...row })}\n`),
    )
    .join('');
}

/** What every layer gains at every share, in training and at inference, of the cells of a level; and the peer beside it. */
export function headlineText(cells: readonly HeadlineCell[], level: Level): string {
  const own = cells.filter((cell) => cell.level === level);
  const shares = [...new Set(own.map(({ share }) => share))].sort((a, b) => b - a);
  const of = (share: number, mode: Mode) => own.find((cell) => cell.share === share && cell.mode === mode);
  const rows = shares.flatMap((share) => {
    const [train, infer] = [of(share, 'train'), of(share, 'infer')];
    const keys = new Set([...(train?.rows ?? []), ...(infer?.rows ?? [])].filter(isCompared).map(keyOf));
    return [...keys].map((key) => {
      const found = [train, infer].map((cell) => cell?.rows.find((row) => keyOf(row) === key));
      return [percent(share), contenderOf(found.find((row) => row)!), ...found.flatMap(columnsOf)];
    });
  });
  const columns = (mode: string) => [`${mode}: plan`, 'speed-up', 'bound', 'hidden', 'predicted'];
  const text = table(['share', 'layer', ...columns('training'), ...columns('inference')], rows);
  const version = own.find(({ peer }) => peer)?.peer?.version;
  if (version === undefined) return text;
  const peers = shares.flatMap((share) => {
    const [train, infer] = [of(share, 'train')?.peer?.rows, of(share, 'infer')?.peer?.rows];
    return (train ?? []).map((row, i) => [
      percent(share),
      row.name,
      row.plan,
      ...peerColumns(row),
      ...peerColumns(infer?.[i]),
    ]);
  });
  const header = (mode: string) => [`${mode}: ours`, 'PyTorch', 'ratio'];
  const peerText = table(['share', 'layer', 'plan', ...header('training'), ...header('inference')], peers);
  return `${text}\n\nThe same in ${version}:\n\n${peerText}`;
}

/** A layer and the axes that it is cut along. */
function contenderOf({ name, schedule }: CellRow): string {
  if (schedule === 'split') return `${name}, halves`;
  return schedule === 'pipelined' || schedule === 'chunked' ? `${name}, chunks` : name;
}

/** Sequential layers are what others are compared with. */
function isCompared({ schedule }: CellRow): boolean {
  return schedule !== 'sequential';
}

function keyOf({ layer, schedule }: CellRow): string {
  return `${layer} ${schedule}`;
}

function columnsOf(row: CellRow | undefined): string[] {
  // Chunks were not chosen in this mode: the row without them says it.
  if (!row) return ['', '', '', '', ''];
  const off = 100 * (row.predictedMs / row.stepMs - 1);
  return [
    row.plan,
    `${row.speedup.toFixed(2)}x`,
    `${row.boundSpeedup.toFixed(2)}x`,
    hiddenText(row.hidden),
    `${off < 0 ? '-' : '+'}${Math.abs(off).toFixed(1)} %`,
  ];
}

function peerColumns(row: PeerRow | undefined): string[] {
  if (!row) return ['', '', ''];
  const { ownMs, peerMs } = row;
  return [`${ownMs.toFixed(0)} ms`, `${peerMs.toFixed(0)} ms`, `${(peerMs / ownMs).toFixed(2)}x`];
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
