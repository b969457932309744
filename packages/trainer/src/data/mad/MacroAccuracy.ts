import { ArgumentError } from '@scmoe/errors';

import { ignoredTarget } from './MadTask.js';

/**
 * Accuracy averaged over classes, as MAD scores a task: for each id the share of its counted targets that were predicted,
 * then the mean over all ids that were asked for or predicted. An id that is only ever predicted counts as 0.
 */
export class MacroAccuracy {
  private readonly asked: Float64Array;
  private readonly right: Float64Array;
  private readonly predicted: Uint8Array;

  constructor(numClasses: number) {
    this.asked = new Float64Array(numClasses);
    this.right = new Float64Array(numClasses);
    this.predicted = new Uint8Array(numClasses);
  }

  /** Counts predictions. @throws ArgumentError where the lengths differ. */
  add(predictions: ArrayLike<number>, targets: ArrayLike<number>): void {
    if (predictions.length !== targets.length)
      throw new ArgumentError(
        `predictions: expected ${targets.length}, one for each target, got ${predictions.length}`,
      );
    for (let i = 0; i < targets.length; i++) {
      const [target, prediction] = [targets[i]!, predictions[i]!];
      if (target === ignoredTarget) continue;
      this.asked[target]!++;
      this.predicted[prediction] = 1;
      if (prediction === target) this.right[target]!++;
    }
  }

  /** Accuracy from 0 to 1; NaN before anything was counted. */
  value(): number {
    let sum = 0;
    let classes = 0;
    for (let id = 0; id < this.asked.length; id++) {
      if (this.asked[id] === 0 && this.predicted[id] === 0) continue;
      classes++;
      if (this.asked[id]! > 0) sum += this.right[id]! / this.asked[id]!;
    }
    return sum / classes;
  }
}
