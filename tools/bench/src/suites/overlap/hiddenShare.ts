import { RandomStream } from '@scmoe/tensor';
import { hiddenFraction } from '@scmoe/scheduler';

import { median } from '../../statistics.js';

/** Times of one plan, of the sequential plan and of the computations alone, round by round: seconds. */
export interface HiddenSamples {
  step: readonly number[];
  sequential: readonly number[];
  compute: readonly number[];
}

const resamples = 400;

/**
 * Hidden fraction 1 - exposed / exposed sequentially, of medians over the rounds, and how far it may be off: half the
 * width of the middle 68 % over resampled rounds. Where there is little to hide it says little.
 */
export function hiddenShare(samples: HiddenSamples): { hidden: number; error: number } {
  const rounds = Math.min(...Object.values(samples).map((list: readonly number[]) => list.length));
  const of = (chosen: readonly number[]) => {
    const exposed = (list: readonly number[]) => median(chosen.map((round) => list[round]! - samples.compute[round]!));
    return hiddenFraction({ overlappedMs: exposed(samples.step), sequentialMs: exposed(samples.sequential) });
  };
  // Of one or two rounds nobody knows how they vary.
  if (rounds < 3) return { hidden: of(Array.from({ length: rounds }, (_, round) => round)), error: Infinity };
  const every = Array.from({ length: rounds }, (_, round) => round);
  const random = new RandomStream({ seed: 1 });
  const drawn = Array.from({ length: resamples }, () => of(every.map(() => random.int(rounds))));
  const sorted = drawn.sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (resamples - 1))]!;
  return { hidden: of(every), error: (at(0.84) - at(0.16)) / 2 };
}
