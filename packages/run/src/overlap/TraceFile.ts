import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { Communicator } from '@scmoe/comm';
import { gatherTrace, spansOf, type StepEvent } from '@scmoe/layer';
import { writeChromeTrace } from '@scmoe/scheduler';

/** Keeps what this rank did in the last steps, and writes it with that of the others into one file. */
export class TraceFile {
  private readonly steps: (readonly StepEvent[])[] = [];

  constructor(
    readonly path: string,
    private readonly numSteps: number,
  ) {}

  add(events: readonly StepEvent[]): void {
    this.steps.push(events);
    if (this.steps.length > this.numSteps) this.steps.shift();
  }

  /** Every rank calls it; rank 0 writes. */
  async write(world: Communicator | undefined, title: string): Promise<void> {
    const rank = world?.rank ?? 0;
    const trace = await gatherTrace(world, title, spansOf(this.steps.flat(), rank));
    if (rank !== 0) return;
    await mkdir(dirname(this.path), { recursive: true });
    await writeFile(this.path, writeChromeTrace(trace));
  }
}
