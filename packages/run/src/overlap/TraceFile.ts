import { open, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { Communicator } from '@scmoe/comm';
import { UserError } from '@scmoe/errors';
import { gatherTrace, spansOf, type StepEvent } from '@scmoe/layer';
import { writeChromeTrace } from '@scmoe/scheduler';
import { fileError, makeFolder } from '@scmoe/trainer';

/** Keeps what this rank did in the last steps, and writes it with that of the others into one file. */
export class TraceFile {
  private readonly steps: (readonly StepEvent[])[] = [];

  private constructor(
    readonly path: string,
    private readonly numSteps: number,
  ) {}

  /**
   * Every rank calls it; rank 0 makes sure that the file can be written, and leaves what it holds.
   *
   * @throws UserError where it can't: at the start of a run, not after its last step
   */
  static async open(path: string, { numSteps, rank }: { numSteps: number; rank: number }): Promise<TraceFile> {
    if (path === '') throw new UserError('--trace: expected a file, got an empty path.', { exitCode: 2 });
    if (rank === 0) {
      await said(path, async () => {
        await makeFolder(dirname(path));
        await (await open(path, 'a')).close();
      });
    }
    return new TraceFile(path, numSteps);
  }

  add(events: readonly StepEvent[]): void {
    this.steps.push(events);
    if (this.steps.length > this.numSteps) this.steps.shift();
  }

  /** Every rank calls it; rank 0 writes. */
  async write(world: Communicator | undefined, title: string): Promise<void> {
    const rank = world?.rank ?? 0;
    const trace = await gatherTrace(world, title, spansOf(this.steps.flat(), rank));
    if (rank !== 0) return;
    await said(this.path, () => writeFile(this.path, writeChromeTrace(trace)));
  }
}

async function said(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    throw fileError(`write the trace ${path}`, error);
  }
}
