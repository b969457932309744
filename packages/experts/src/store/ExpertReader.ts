import { closeSync, constants, openSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

import { UserError } from '@scmoe/errors';
import { threadLimits } from '@scmoe/native/signatures';

import { ExpertStoreError } from './ExpertStoreError.js';
import { alignedMemory } from './alignedMemory.js';
import { jobWords, messageBytes, queueWords, readerProgram, slotStates } from './readerProgram.js';

/** What is read, and how. */
export interface ExpertReaderOptions {
  path: string;
  /** Bytes of an expert; pages of `pageBytes`. */
  stride: number;
  pageBytes: number;
  numSlots: number;
  /** Threads, so reads at once. */
  numReaders: number;
  /** Past the page cache of the system (O_DIRECT). */
  direct: boolean;
  /** Bytes a second that all reads together have; 0: as many as there are. */
  maxBytesPerSecond: number;
  /** How long one read may take. */
  timeoutMs: number;
}

/** How long `close` waits for threads. */
const closeMs = 2000;
/** The largest memory that is taken in one piece. */
const memoryBytes = 2 ** 30;

/**
 * Reads experts into slots of shared memory, in threads of its own: what computes goes on, and waits for a slot only if
 * it is not there yet. Reads are begun in the order in which they are asked for.
 */
export class ExpertReader {
  private readonly fd: number;
  private readonly memories: SharedArrayBuffer[] = [];
  private readonly slotsPerMemory: number;
  private readonly states: Int32Array;
  private readonly times: BigInt64Array;
  private readonly messages: SharedArrayBuffer;
  private readonly queue: Int32Array;
  private readonly queueLength: number;
  private readonly threads: Worker[];
  /** Why there is no reading any more. */
  private ended: string | undefined;
  /** A slot that was waited for in vain: while it is being read there is no use in waiting for others. */
  private stalled: number | undefined;

  /** @throws the system's error where the file can't be opened, or not in this way */
  constructor(private readonly options: ExpertReaderOptions) {
    const { path, stride, pageBytes, numSlots, numReaders, direct, maxBytesPerSecond } = options;
    if (direct && constants.O_DIRECT === undefined)
      throw new UserError('expert store: this system has no reads past its page cache.', { exitCode: 2 });
    this.fd = openSync(path, constants.O_RDONLY | (direct ? constants.O_DIRECT : 0));
    this.slotsPerMemory = Math.max(1, Math.floor(memoryBytes / stride));
    for (let slots = 0; slots < numSlots; slots += this.slotsPerMemory)
      this.memories.push(alignedMemory(Math.min(this.slotsPerMemory, numSlots - slots) * stride));
    this.states = new Int32Array(new SharedArrayBuffer(4 * numSlots));
    this.times = new BigInt64Array(new SharedArrayBuffer(8 * numSlots));
    this.messages = new SharedArrayBuffer(messageBytes * numSlots);
    // A slot has one job at a time, so there is always room; a power of two, for positions wrap around with 32 bits.
    this.queueLength = 2 ** Math.ceil(Math.log2(numSlots + 1));
    this.queue = new Int32Array(new SharedArrayBuffer(4 * (queueWords.first + jobWords * this.queueLength)));
    const workerData = {
      ...{ fd: this.fd, path, memories: this.memories, slotsPerMemory: this.slotsPerMemory, stride, pageBytes },
      ...{ queue: this.queue.buffer, states: this.states.buffer, times: this.times.buffer, messages: this.messages },
      pace: new SharedArrayBuffer(8),
      nsPerByte: maxBytesPerSecond > 0 ? 1e9 / maxBytesPerSecond : 0,
    };
    this.threads = Array.from({ length: numReaders }, () => this.startThread(workerData));
  }

  /** Begins to read into a slot that nothing is being read into. @param sum CRC-32 that the bytes must have */
  start(slot: number, { page, sum }: { page: number; sum?: number }): void {
    this.expectReading();
    Atomics.store(this.states, slot, slotStates.reading);
    const put = this.queue[queueWords.put]!;
    const at = queueWords.first + ((put >>> 0) % this.queueLength) * jobWords;
    this.queue.set([slot, page | 0, Math.floor(page / 2 ** 32), sum === undefined ? 0 : 1, (sum ?? 0) | 0], at);
    Atomics.store(this.queue, queueWords.put, (put + 1) | 0);
    Atomics.notify(this.queue, queueWords.put);
  }

  /** Whether something is being read into a slot. */
  isReading(slot: number): boolean {
    return Atomics.load(this.states, slot) === slotStates.reading;
  }

  /** Whether the last read into a slot has failed. */
  hasFailed(slot: number): boolean {
    return Atomics.load(this.states, slot) === slotStates.failed;
  }

  /**
   * Waits until what is being read into a slot is there. It blocks this thread.
   *
   * @throws ExpertStoreError where it can't be read, or not in time
   */
  wait(slot: number): void {
    const { path, timeoutMs } = this.options;
    if (this.isReading(slot)) {
      this.expectReading();
      Atomics.wait(this.states, slot, slotStates.reading, timeoutMs);
      if (this.isReading(slot)) {
        this.stalled = slot;
        throw new ExpertStoreError(
          `${path}: no answer to a read within ${timeoutMs} ms: the disk hangs, or is too slow.`,
        );
      }
    }
    if (this.hasFailed(slot)) throw new ExpertStoreError(`Can't read ${path}: ${this.messageOf(slot)}.`);
  }

  /** How long the last read into a slot has taken, in ms. */
  readMs(slot: number): number {
    return Number(Atomics.load(this.times, slot)) / 1e6;
  }

  /** The bytes of a slot as float32 numbers. */
  floats(slot: number, offset: number, length: number): Float32Array {
    const memory = this.memories[Math.floor(slot / this.slotsPerMemory)]!;
    return new Float32Array(memory, (slot % this.slotsPerMemory) * this.options.stride + offset, length);
  }

  /** Ends the threads; what they have not read yet fails. */
  async close(): Promise<void> {
    if (this.ended !== undefined) return;
    this.ended = 'it is closed';
    Atomics.store(this.queue, queueWords.isClosed, 1);
    Atomics.add(this.queue, queueWords.put, 1);
    Atomics.notify(this.queue, queueWords.put);
    const all = Promise.all(this.threads.map((thread) => thread.terminate())).then(() => true);
    // A thread that a disk holds in a read does not end; its file stays open then.
    const late = new Promise<boolean>((resolve) => void setTimeout(resolve, closeMs, false).unref());
    if (await Promise.race([all, late])) closeSync(this.fd);
  }

  private expectReading(): void {
    const { path, timeoutMs } = this.options;
    if (this.ended !== undefined) throw new ExpertStoreError(`Can't read ${path}: ${this.ended}.`);
    if (this.stalled === undefined) return;
    if (this.isReading(this.stalled))
      throw new ExpertStoreError(`${path}: a read has had no answer for more than ${timeoutMs} ms: the disk hangs.`);
    this.stalled = undefined;
  }

  private messageOf(slot: number): string {
    const [length] = new Int32Array(this.messages, slot * messageBytes, 1);
    return Buffer.from(new Uint8Array(this.messages, slot * messageBytes + 4, length).slice()).toString();
  }

  private startThread(workerData: object): Worker {
    const thread = new Worker(readerProgram, { eval: true, execArgv: [], workerData, resourceLimits: threadLimits });
    const end = (reason: string) => (this.ended ??= `a thread that reads it has ended: ${reason}`);
    thread.on('error', (error: Error) => end(error.message)).on('exit', (code) => end(`exit code ${code}`));
    thread.unref();
    return thread;
  }
}
