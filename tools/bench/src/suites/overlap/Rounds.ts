import { isSettled } from './isSettled.js';
import type { Steps } from './Steps.js';
import type { Level, Mode } from './OverlapShape.js';

/** How often steps are measured. */
export interface Effort {
  /** Rounds of training steps of a pair; others follow from that. */
  rounds: number;
  /** Rounds of the plans of a pair that were not chosen, to find the best of all; 0: none. */
  candidateRounds: number;
  /** How long all of it may take, in minutes: as many rounds as that leaves room for, instead of `rounds`. */
  minutes?: number;
}

/** Fewer say nothing of how they vary. */
const leastRounds = 3;

/** The part of a share's time that training steps get: they are about twice as long as forward passes. */
const shareOfTraining = 0.62;

/** Says whether there is one more round of a cell of the table, of which so many gave these seconds. */
export type GoesOn = (done: number, steps: Steps) => boolean;

/**
 * Shares the time of a run out over the cells of its table. A cell whose medians are settled ends before its time is over, which the
 * cells behind it have then.
 */
export class Rounds {
  private readonly endMs: number;
  private cellEndMs = 0;

  constructor(
    private readonly effort: Effort,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.endMs = now() + 60_000 * (effort.minutes ?? 0);
  }

  /** Begins a level at a share, of which `left` are still to come, this one included. */
  begin(left: number): void {
    const now = this.now();
    this.cellEndMs = now + Math.max(0, this.endMs - now) / left;
  }

  /** Answers for the rounds of a cell, which begin now: training first, then inference. */
  of(level: Level, mode: Mode, share: number): GoesOn {
    if (this.effort.minutes === undefined) {
      const rounds = numRounds(this.effort.rounds, level, mode, share);
      return (done) => done < rounds;
    }
    const now = this.now();
    const part = mode === 'train' ? shareOfTraining : 1;
    const endMs = now + part * Math.max(0, this.cellEndMs - now);
    let [roundMs, beganMs, known] = [0, now, 0];
    return (done, steps) => {
      const at = this.now();
      if (done > known) [roundMs, beganMs, known] = [at - beganMs, at, done];
      else if (done === 0) beganMs = at;
      if (done < leastRounds) return true;
      // A round that would not end in time is not begun.
      return at + roundMs <= endMs && !isSettled(steps);
    };
  }
}

/** More where steps are short, and where there is little to hide; models are long. */
function numRounds(rounds: number, level: Level, mode: Mode, share: number): number {
  if (level === 'model') return Math.ceil(rounds / 2) * (mode === 'infer' ? 2 : 1);
  return Math.ceil(rounds * (mode === 'infer' ? 2 : 1) * (share < 0.3 ? 1.6 : 1));
}
