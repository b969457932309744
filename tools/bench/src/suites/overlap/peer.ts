import { fileURLToPath } from 'node:url';

import type { PlanChoice } from '@scmoe/scheduler';

import type { Timed } from '../../alternate.js';
import type { RankGroup } from '../../ranks/RankGroup.js';
import { median } from '../../statistics.js';
import { table } from '../../table.js';
import { stepKey, type Steps } from './measureCell.js';
import type { Mode } from './OverlapShape.js';

export const peerProgram = fileURLToPath(new URL('../peers/overlap_torch.py', import.meta.url));

/** What the peer runs: the whole model, with the plans that ours has. */
export interface PeerPlans {
  pos2: PlanChoice;
}

const peerKey = (layer: 'top2' | 'pos2', plan: PlanChoice) => `peer ${stepKey(layer, plan)}`;

export function peerContenders(group: RankGroup, mode: Mode, { pos2 }: PeerPlans): Timed[] {
  const runs: ['top2' | 'pos2', PlanChoice][] = [
    ['top2', null],
    ['pos2', null],
    ['pos2', pos2],
  ];
  return runs.map(([layer, plan]) => ({
    name: peerKey(layer, plan),
    run: () => group.time(JSON.stringify({ ask: 'time', level: 'model', layer, mode, plan, exchange: true })),
  }));
}

/** The same model, link and round, ours beside the peer's. */
export function peerTable(steps: Steps, { pos2 }: PeerPlans, tokens: number): string {
  const rows = (
    [
      ['top-2', 'top2', null],
      ['ScMoE pos2', 'pos2', null],
      ['ScMoE pos2', 'pos2', pos2],
    ] as const
  ).map(([name, layer, plan]) => {
    const [own, peer] = [stepKey(layer, plan), peerKey(layer, plan)].map((key) => median(steps.get(key)!));
    return [
      name,
      plan ? `slot ${plan.slot}` : 'sequential',
      `${(1000 * own!).toFixed(0)} ms`,
      `${(1000 * peer!).toFixed(0)} ms`,
      `${(peer! / own!).toFixed(2)}x`,
      (tokens / own!).toFixed(0),
      (tokens / peer!).toFixed(0),
    ];
  });
  return table(['layer', 'plan', 'ScMoE', 'PyTorch', 'PyTorch / ScMoE', 'our tokens/s', 'PyTorch tokens/s'], rows);
}
