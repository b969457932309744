import { bytesText } from '@scmoe/errors';

import type { MemoryPlan } from './planMemory.js';

/** Steps after which memory is what it stays at: the first finds it. */
const settledSteps = 3;

/** Compares what the process takes with the limit that was planned for. */
export class MemoryWatch {
  private steps = 0;
  private mostBytes = 0;
  private hasTold = false;

  /** @param read tells the memory of the process in bytes; by default its resident memory */
  constructor(
    private readonly plan: MemoryPlan,
    private readonly read: () => number = () => process.memoryUsage.rss(),
  ) {}

  /** What there is to say after a step: once, when memory is over the limit. */
  stepDone(): string | undefined {
    const { limitBytes, predictedBytes } = this.plan;
    if (limitBytes === undefined) return undefined;
    this.steps++;
    this.mostBytes = Math.max(this.mostBytes, this.read());
    if (this.hasTold || this.mostBytes <= limitBytes) return undefined;
    this.hasTold = true;
    return (
      `the process takes ${bytesText(this.mostBytes)} of memory after step ${this.steps} of this session, over ` +
      `--memory-limit ${bytesText(limitBytes)}; ${bytesText(predictedBytes!)} were predicted`
    );
  }

  /** What was measured beside what was predicted, when the first steps are done. */
  comparison(): string | undefined {
    const { limitBytes, predictedBytes } = this.plan;
    if (limitBytes === undefined || this.steps !== settledSteps) return undefined;
    return `memory: ${bytesText(this.mostBytes)} after ${settledSteps} steps, ${bytesText(predictedBytes!)} predicted`;
  }
}
