import type { NetworkLab } from '@scmoe/netlab';
import { communicationShare, uncut } from '@scmoe/scheduler';

import type { RankGroup } from '../../ranks/RankGroup.js';
import type { ProfileAnswer } from './protocol.js';

/** A rate of the lab's links, and what share of its time the top-2 layer spends in exchanges there. */
export interface CalibratedRate {
  target: number;
  rate: string;
  /** Communication share of the forward pass, and of forward and backward together. */
  forwardShare: number;
  trainingShare: number;
}

const attempts = 5;
const tolerance = 0.005;

/**
 * Finds the rate at which the exchanges of the standard top-2 layer, run sequentially, are `target` of its MoE time in the
 * forward pass: T_a2a / (T_a2a + T_gate + T_encode + T_expert + T_decode). Leaves the lab at it.
 */
export async function calibrate(
  lab: NetworkLab,
  group: RankGroup,
  target: number,
  { startMbit = 200, steps }: { startMbit?: number; steps: number },
): Promise<CalibratedRate> {
  let mbit = startMbit;
  for (let attempt = 1; ; attempt++) {
    const rate = `${Math.round(mbit * 1000)}kbit`;
    lab.setRate(rate);
    const [answer] = await group.ask<ProfileAnswer>(
      JSON.stringify({ ask: 'profile', level: 'pair', layer: 'top2', mode: 'train', steps, cut: uncut }),
    );
    const { forward, backward } = answer!.layers[0]!;
    const times = (...passes: (typeof forward)[]) => ({
      allToAllMs: sumOf(passes, ['dispatch', 'combine']),
      moeComputeMs: sumOf(passes, ['gate', 'encode', 'expert', 'decode']),
    });
    const forwardShare = communicationShare(times(forward));
    if (Math.abs(forwardShare - target) <= tolerance || attempt === attempts) {
      return { target, rate, forwardShare, trainingShare: communicationShare(times(forward, backward)) };
    }
    // The time of an exchange is the inverse of the rate, near enough to come close in two or three rounds. What was measured
    // while something else ran leads astray by no more than a factor.
    const factor = (forwardShare / (1 - forwardShare)) * ((1 - target) / target);
    mbit *= Math.min(3, Math.max(1 / 3, factor));
  }
}

function sumOf(passes: readonly Readonly<Record<string, number>>[], names: readonly string[]): number {
  return passes.reduce((sum, times) => sum + names.reduce((total, name) => total + times[name]!, 0), 0);
}
