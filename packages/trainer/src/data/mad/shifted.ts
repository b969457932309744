import { ignoredTarget, type MadSample, type MadSplit } from './MadTask.js';

/**
 * Makes next-token prediction of a sequence: training asks for every token, a test only for those that `asked` says
 * can be known (an array as long as the sequence, with `ignoredTarget` elsewhere).
 */
export function shifted(sequence: readonly number[], asked: readonly number[], split: MadSplit): MadSample {
  return {
    ids: Int32Array.from(sequence.slice(0, -1)),
    targets: Int32Array.from((split === 'train' ? sequence : asked).slice(1)),
  };
}

/** `count` times the target that does not count. */
export function ignored(count: number): number[] {
  return new Array<number>(count).fill(ignoredTarget);
}
