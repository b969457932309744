import type * as tf from '@tensorflow/tfjs';

import { loadAddon } from '../addon/loadAddon.js';
import { BufferPool } from '../backend/BufferPool.js';
import { stateOf } from '../backend/TransposedWeight.js';

/** What a captured step is made of: the number of a native capture, or a function that runs between two of them. */
export type CapturedPart = number | (() => void);

/** Memory of captures, which is no pool's: it stays as long as they do. */
const captured = new WeakSet<ArrayBuffer>();

/** Frees the native side of a step. */
export function forgetParts(parts: readonly CapturedPart[]): void {
  for (const part of parts) if (typeof part === 'number') loadAddon().forgetCapture({ capture: part });
}

/** Whether a buffer belongs to a capture, whichever. */
export function isCaptured(buffer: ArrayBuffer): boolean {
  return captured.has(buffer);
}

/**
 * A step while it is being captured: its calls, and the memory of its tensors. Buffers serve several tensors one after the
 * other, as in a pool, for the calls come in the same order when they are made again.
 */
export class KernelCapture {
  readonly parts: CapturedPart[] = [];
  /** Every buffer that the step has taken. */
  readonly buffers: ArrayBuffer[] = [];
  /** Data from before the step that its kernels read, with the state of what the backend holds of each. */
  readonly outside = new Map<tf.DataId, unknown>();
  /** Why the step can't be made again by its calls alone, where it can't. */
  problem: string | undefined;

  private readonly pool = new BufferPool((bytes) => loadAddon().allocate({ bytes }), { minimumCache: Infinity });
  private readonly own = new Set<ArrayBuffer>();
  private readonly lasting = new Set<ArrayBuffer>();
  /** Of both, what tensors have now. */
  private readonly inUse = new Set<ArrayBuffer>();
  /** Data that the step has made and that lie in others from before it, which have been read. */
  private readonly windows = new WeakSet<tf.DataId>();
  private isOpen = false;

  /** @param options.isDry whether calls are kept and not made */
  constructor(private readonly options: { isDry: boolean }) {}

  /** Calls are kept from here on. */
  open(): void {
    loadAddon().beginCapture({ isDry: this.options.isDry });
    this.isOpen = true;
  }

  /** Ends what `open` began. */
  close(): void {
    this.isOpen = false;
    const capture = loadAddon().endCapture();
    if (capture > 0) this.parts.push(capture);
  }

  /** Whether calls are being kept, and memory is the step's. */
  get isActive(): boolean {
    return this.isOpen;
  }

  /** Runs what is to be run itself when the step is made again, for what it does depends on more than its tensors. */
  live(run: () => void): void {
    this.close();
    try {
      run();
    } finally {
      this.parts.push(run);
      this.open();
    }
  }

  /** Says that a kernel reads data from before the step, of which the backend holds `entry`. */
  reads(dataId: tf.DataId, entry: unknown): void {
    if (this.windows.has(dataId)) return;
    const state = stateOf(entry);
    if ((this.outside.get(dataId) ?? state) !== state)
      this.refuse('it reads a weight before and after it is put in order');
    this.outside.set(dataId, state);
  }

  /** Says that the step has made data that are a part of others from before it. */
  knows(dataId: tf.DataId): void {
    this.windows.add(dataId);
  }

  /** Says that the step does something that its calls don't show. */
  refuse(problem: string): void {
    this.problem ??= problem;
  }

  /** A buffer that may have served another tensor of the step. */
  acquire(bytes: number): ArrayBuffer {
    const buffer = this.owned(this.pool.acquire(bytes));
    this.inUse.add(buffer);
    return buffer;
  }

  /** A buffer for what JavaScript writes while the step is captured, and nobody afterwards: no other tensor gets it. */
  acquireLasting(bytes: number): ArrayBuffer {
    const buffer = loadAddon().allocate({ bytes });
    captured.add(buffer);
    this.lasting.add(buffer);
    this.inUse.add(buffer);
    this.buffers.push(buffer);
    return buffer;
  }

  /** Whether a buffer is this step's. */
  owns(buffer: ArrayBuffer): boolean {
    return this.own.has(buffer) || this.lasting.has(buffer);
  }

  /** Whether kernels of this step write a buffer anew each time: what JavaScript has written once is not. */
  rewrites(buffer: ArrayBuffer): boolean {
    return this.own.has(buffer);
  }

  /** Whether tensors of the step that lie in none of these buffers are still there. */
  hasOthersThan(buffers: ReadonlyMap<ArrayBuffer, unknown>): boolean {
    return [...this.inUse].some((buffer) => !buffers.has(buffer));
  }

  /** Takes back the buffer of a tensor that is given up in the step. */
  release(buffer: ArrayBuffer): void {
    this.inUse.delete(buffer);
    if (this.own.has(buffer)) this.pool.release(buffer);
    else if (!this.lasting.has(buffer)) this.refuse('it disposes a tensor that was there before');
  }

  private owned(buffer: ArrayBuffer): ArrayBuffer {
    if (!this.own.has(buffer)) {
      this.own.add(buffer);
      captured.add(buffer);
      this.buffers.push(buffer);
    }
    return buffer;
  }
}
