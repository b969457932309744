import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';

import { UserError } from '@scmoe/errors';
import { threadLimits } from '@scmoe/native/signatures';

import type { WorkerProgram } from '../builtProgram.js';
import type { BatchPlan, BatchSettings } from './BatchPlan.js';
import { slotState, type WorkerFailure, type WorkerJob, type WorkerStart } from './workerMessages.js';

interface Thread {
  worker: Worker;
  failures: MessagePort;
  /** What it has said of slots, heard when somebody asks. */
  said: Map<number, WorkerFailure>;
  beat: number;
  isAlive: boolean;
}

interface Job {
  slot: number;
  thread: Thread;
}

/**
 * Threads that make batches ahead. The thread that trains is busy in kernels most of the time and hears no messages, so
 * batches lie in shared memory, and `take` waits for one without the event loop. At most `prefetch` + 1 are in memory.
 */
export class BatchWorkers {
  private readonly states: Int32Array;
  private readonly slots: SharedArrayBuffer[];
  private readonly threads: Thread[];
  private readonly jobs = new Map<number, Job>();
  private readonly abandoned = new Set<Job>();
  private readonly stallMs: number;
  private numStarted = 0;

  constructor(
    settings: BatchSettings,
    { workers, prefetch, program }: { workers: number; prefetch: number; program: WorkerProgram },
  ) {
    const { batchSize, size } = settings;
    const numSlots = prefetch + 1;
    const control = new SharedArrayBuffer(4 * (numSlots + workers));
    this.states = new Int32Array(control);
    this.stallMs = program.stallMs ?? 30_000;
    const bytes = batchSize * size.height * size.width * 3 * Float32Array.BYTES_PER_ELEMENT;
    this.slots = Array.from({ length: numSlots }, () => new SharedArrayBuffer(bytes));
    this.threads = Array.from({ length: workers }, (_, i) => {
      const { port1, port2 } = new MessageChannel();
      const start: WorkerStart = { settings, control, beat: numSlots + i, slots: this.slots };
      const worker = new Worker(program.file, {
        workerData: { ...start, failures: port2 },
        transferList: [port2],
        execArgv: program.execArgv,
        resourceLimits: threadLimits,
      });
      const thread: Thread = { worker, failures: port1, said: new Map(), beat: numSlots + i, isAlive: true };
      const end = () => void (thread.isAlive = false);
      // What went wrong is found by `take`, which makes the batch itself; the process may end while threads wait.
      worker.on('error', end).on('exit', end).unref();
      port1.unref();
      return thread;
    });
  }

  /** Gives up batches that nobody wants any more, and has those made that are missing, the first first. */
  want(indices: readonly number[], planOf: (index: number) => BatchPlan): void {
    for (const [index, job] of this.jobs) {
      if (indices.includes(index)) continue;
      this.jobs.delete(index);
      this.abandoned.add(job);
    }
    for (const job of this.abandoned) {
      if (Atomics.load(this.states, job.slot) !== slotState.waiting) this.release(job);
    }
    for (const index of indices) {
      if (this.jobs.has(index)) continue;
      const slot = this.slots.findIndex((_, i) => Atomics.load(this.states, i) === slotState.free);
      const thread = this.nextThread();
      if (slot < 0 || thread === undefined) return;
      Atomics.store(this.states, slot, slotState.waiting);
      thread.worker.postMessage({ slot, plan: planOf(index) } satisfies WorkerJob);
      this.jobs.set(index, { slot, thread });
    }
  }

  /**
   * Waits for a batch that was wanted.
   *
   * @returns a copy of its pixels; undefined where no thread has made it, and none will
   * @throws UserError where the thread met with one.
   */
  take(index: number): Float32Array<ArrayBuffer> | undefined {
    const job = this.jobs.get(index);
    if (job === undefined) return undefined;
    this.jobs.delete(index);
    const state = this.waitFor(job);
    if (state === slotState.waiting) {
      this.abandoned.add(job);
      return undefined;
    }
    try {
      if (state === slotState.failed) throw failureOf(job);
      return new Float32Array(this.slots[job.slot]!).slice();
    } finally {
      this.release(job);
    }
  }

  /** Ends the threads. */
  async dispose(): Promise<void> {
    await Promise.all(
      this.threads.map(({ worker, failures }) => {
        failures.close();
        return worker.terminate();
      }),
    );
  }

  private waitFor({ slot, thread }: Job): number {
    for (let beats = Atomics.load(this.states, thread.beat); ;) {
      const state = Atomics.load(this.states, slot);
      if (state !== slotState.waiting || !thread.isAlive) return state;
      if (Atomics.wait(this.states, slot, slotState.waiting, this.stallMs) !== 'timed-out') continue;
      const now = Atomics.load(this.states, thread.beat);
      thread.isAlive = now !== beats;
      beats = now;
    }
  }

  private release(job: Job): void {
    this.abandoned.delete(job);
    Atomics.store(this.states, job.slot, slotState.free);
  }

  private nextThread(): Thread | undefined {
    const alive = this.threads.filter(({ isAlive }) => isAlive);
    return alive.length === 0 ? undefined : alive[this.numStarted++ % alive.length];
  }
}

function failureOf({ slot, thread }: Job): Error {
  for (let found = receiveMessageOnPort(thread.failures); found; found = receiveMessageOnPort(thread.failures)) {
    const failure = found.message as WorkerFailure;
    thread.said.set(failure.slot, failure);
  }
  const { name, message, stack } = thread.said.get(slot)!;
  return name === 'UserError' ? new UserError(message) : Object.assign(new Error(message), { name, stack });
}
