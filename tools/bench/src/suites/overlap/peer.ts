import { fileURLToPath } from 'node:url';

import type { PlanChoice } from '@scmoe/scheduler';

import type { Timed } from '../../alternate.js';
import type { RankGroup } from '../../ranks/RankGroup.js';
import { median } from '../../statistics.js';
import { table } from '../../table.js';
import { stepKey } from './measureCell.js';
import type { Steps } from './Steps.js';
import type { Level, Mode } from './OverlapShape.js';

export const peerProgram = fileURLToPath(new URL('../peers/overlap_torch.py', import.meta.url));

/** What the peer runs, with the plans that ours has. */
export interface PeerPlans {
  pos2: PlanChoice;
}

const peerKey = (layer: 'top2' | 'pos2', plan: PlanChoice) => `peer ${stepKey(layer, plan)}`;

export function peerContenders(
  group: RankGroup,
  { level, mode }: { level: Level; mode: Mode },
  { pos2 }: PeerPlans,
): Timed[] {
  const runs: ['top2' | 'pos2', PlanChoice][] = [
    ['top2', null],
    ['pos2', null],
    ['pos2', pos2],
  ];
  return runs.map(([layer, plan]) => ({
    name: peerKey(layer, plan),
    run: () => group.time(JSON.stringify({ ask: 'time', level, layer, mode, plan, exchange: true })),
  }));
}

/** A layer under a plan, ours and the peer's: medians in ms. */
export interface PeerRow {
  name: string;
  plan: string;
  ownMs: number;
  peerMs: number;
}

/** The same work, link and round, ours beside the peer's. */
export function peerRows(steps: Steps, { pos2 }: PeerPlans): PeerRow[] {
  const runs = [
    ['top-2', 'top2', null],
    ['ScMoE pos2', 'pos2', null],
    ['ScMoE pos2', 'pos2', pos2],
  ] as const;
  return runs.map(([name, layer, plan]) => {
    const [ownMs, peerMs] = [stepKey(layer, plan), peerKey(layer, plan)].map((key) => 1000 * median(steps.get(key)!));
    return { name, plan: plan ? `slot ${plan.slot}` : 'sequential', ownMs: ownMs!, peerMs: peerMs! };
  });
}

export function peerTable(rows: readonly PeerRow[], tokens: number): string {
  return table(
    ['layer', 'plan', 'ScMoE', 'PyTorch', 'PyTorch / ScMoE', 'our tokens/s', 'PyTorch tokens/s'],
    rows.map(({ name, plan, ownMs, peerMs }) => [
      name,
      plan,
      `${ownMs.toFixed(0)} ms`,
      `${peerMs.toFixed(0)} ms`,
      `${(peerMs / ownMs).toFixed(2)}x`,
      ((1000 * tokens) / ownMs).toFixed(0),
      ((1000 * tokens) / peerMs).toFixed(0),
    ]),
  );
}
