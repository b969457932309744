import { Worker } from 'node:worker_threads';

import { UserError } from '@scmoe/errors';
import { builtFile, threadLimits } from '@scmoe/native/signatures';

import type { CheckpointContent } from './CheckpointContent.js';
import { hurryUp, newHurry } from './Pace.js';
import type { Retention } from './pruneCheckpoints.js';
import { SnapshotMemory } from './snapshot.js';
import { type WriteAnswer, type WriteJob, writeSnapshot } from './writeSnapshot.js';

/** What the thread of a writer runs. */
export interface WriterProgram {
  file: string;
  execArgv?: string[];
}

/** Options of `openCheckpointWriter`. */
export interface CheckpointWriterOptions extends Retention {
  /** Hears of each checkpoint once it is whole, in the order of their steps. */
  onSaved?: (checkpoint: { step: number; path: string }) => void | Promise<void>;
  /**
   * Removes what is not to be kept before a checkpoint is written, counted without that one. Default: afterwards. For ranks
   * that save a part each: what one of them has written is of use once all have, and till then the ones before it stay.
   */
  pruneFirst?: boolean;
}

/** Saves checkpoints beside what follows: a copy is taken at once, and a thread writes it. */
export class CheckpointWriter {
  private readonly memory = new SnapshotMemory();
  private worker: Worker | undefined;
  /** The thread has a low priority, which it can't give back. */
  private isSlow = false;
  private pending: Promise<void> | undefined;
  /** The word to the thread for the checkpoint that is written beside training. */
  private hurry: Int32Array | undefined;
  private failure: { error: unknown } | undefined;

  /** Use `openCheckpointWriter`. */
  constructor(
    private readonly folder: string,
    private readonly options: CheckpointWriterOptions,
    private readonly program: WriterProgram | undefined,
  ) {}

  /**
   * Copies what there is, and has it written. A checkpoint before it that is still being written is waited for, so there is
   * one copy in memory at most. Once it returns the tensors may change or go.
   *
   * @param beside false where nothing is to be done meanwhile: then the thread need not step back behind it
   * @throws UserError where an earlier checkpoint could not be written
   */
  async save(content: CheckpointContent, { beside = true }: { beside?: boolean } = {}): Promise<void> {
    await this.finish();
    const { onSaved, pruneFirst, ...retention } = this.options;
    const snapshot = await this.memory.take(content);
    if (this.isSlow && !beside) await this.endThread();
    this.isSlow = beside;
    this.hurry = beside ? newHurry() : undefined;
    this.pending = this.write({ folder: this.folder, snapshot, retention, pruneFirst, hurry: this.hurry })
      .then((path) => onSaved?.({ step: content.step, path }))
      .catch((error: unknown) => void (this.failure ??= { error }));
  }

  /** @throws UserError where a checkpoint could not be written. The run asks at every step: it is not to go on for hours. */
  check(): void {
    if (this.failure) throw this.failure.error;
  }

  /**
   * Waits until all that was handed over is whole.
   *
   * @throws UserError where a checkpoint could not be written
   */
  async finish(): Promise<void> {
    await this.written();
    this.pending = undefined;
    this.check();
  }

  /** Ends the thread when it has written what it has; says nothing of what could not be written. */
  async close(): Promise<void> {
    await this.written();
    await this.endThread();
  }

  /** Nothing else is done until then, so the thread need not step back. */
  private async written(): Promise<void> {
    if (this.hurry) hurryUp(this.hurry);
    await this.pending;
  }

  private async endThread(): Promise<void> {
    await this.worker?.terminate();
    this.worker = undefined;
  }

  /** Writes in the thread; where there is none, or it ends without a word (no memory for it), here and without a rest. */
  private async write(job: WriteJob): Promise<string> {
    const answer = await this.ask(job);
    if (answer === undefined) return writeSnapshot({ ...job, hurry: undefined });
    if ('path' in answer) return answer.path;
    const { name, message, stack } = answer.failure;
    throw name === 'UserError' ? new UserError(message) : Object.assign(new Error(message), { name, stack });
  }

  private ask(job: WriteJob): Promise<WriteAnswer | undefined> {
    if (this.program === undefined) return Promise.resolve(undefined);
    const worker = (this.worker ??= new Worker(this.program.file, {
      execArgv: this.program.execArgv,
      resourceLimits: threadLimits,
    }));
    // While it writes the process does not end; while it waits it may.
    worker.ref();
    return new Promise((resolve) => {
      const settle = (answer?: WriteAnswer) => {
        worker.off('message', settle).off('error', gone).off('exit', gone).unref();
        resolve(answer);
      };
      const gone = () => {
        this.worker = undefined;
        settle();
      };
      worker.on('message', settle).on('error', gone).on('exit', gone);
      worker.postMessage(job);
    });
  }
}

/**
 * Opens a writer that saves checkpoints as `<folder>/step-000123/` beside training. It needs memory for one copy of what is
 * saved.
 *
 * @param program what the thread runs, for tests; where this package is not built, or is bundled, it has none, and writes without a thread
 */
export function openCheckpointWriter(
  folder: string,
  options: CheckpointWriterOptions = {},
  program: WriterProgram | undefined = builtProgram(),
): CheckpointWriter {
  return new CheckpointWriter(folder, options, program);
}

function builtProgram(): WriterProgram | undefined {
  const file = builtFile('checkpointWorker.js', (import.meta as { url?: string }).url);
  return file === undefined ? undefined : { file };
}
