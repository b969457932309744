import { ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { computeNothing } from '../addon/loadAddon.js';
import { isCaptured } from '../capture/KernelCapture.js';
import { scaleBlocks } from '../weights/roundToFormat.js';
import type { Allocation } from './Allocation.js';
import type { BufferPool, PoolStatistics } from './BufferPool.js';
import { CapturingBackend } from './CapturingBackend.js';
import {
  arrayIn,
  buffersOf,
  bytesOf,
  copyBytesTo,
  isNumeric,
  type NumericArray,
  type NumericType,
} from './numericArray.js';
import { StoredWeight, type WeightSizes } from './StoredWeight.js';
import { complexEntry } from './complexEntry.js';
import { panelsOf, hasShape } from './panelsOf.js';
import { poolApart, sharedPool } from './pools.js';
import { RoundedNumbers } from './RoundedNumbers.js';
import { noteSquares, squaresOf } from './sumsOfSquares.js';
import { ViewCounts } from './ViewCounts.js';
import { TransposedWeight, type TransposedMatrices } from './TransposedWeight.js';

export type { NumericArray, NumericType } from './numericArray.js';

/** What `tf.memory()` reports beside TF.js's own counts. */
export interface ScmoeMemory extends PoolStatistics {
  unreliable: boolean;
  reasons: string[];
}

/** Kernels of TF.js that look at attributes alone: what they write once stays right. */
const isConstant = new Set(['Range', 'LinSpace']);

/**
 * TF.js backend whose tensors live in aligned memory of the native addon. Kernels that a transformer step touches are
 * native; the rest are the JavaScript kernels of tfjs-backend-cpu, which work on the same memory through typed arrays.
 */
export class ScmoeBackend extends CapturingBackend {
  private pool = sharedPool();
  /** Where buffers go back to that are of other pools than the shared one, see `runApart`. */
  private readonly poolOf = new WeakMap<ArrayBuffer, BufferPool>();
  /** Freed buffers that must not be handed out yet; undefined where there is no need to wait. */
  private held: ArrayBuffer[] | undefined;
  /** Data in memory of others, which is not the pool's to take back. */
  private readonly borrowed = new WeakSet<tf.DataId>();
  private readonly views = new ViewCounts();

  /** The elements of a tensor, without a copy. Valid until the tensor is disposed: for kernels only. */
  values(tensor: tf.TensorInfo): NumericArray {
    const entry = this.data.get(tensor.dataId);
    const values = entry.values as NumericArray;
    if (this.capture && !this.capture.owns(values.buffer as ArrayBuffer)) this.capture.reads(tensor.dataId, entry);
    return values;
  }

  /** The elements of a tensor for who reads them while the program goes on, such as an exchange: they stay as long as the tensor. */
  valuesToHold(tensor: tf.TensorInfo): NumericArray {
    this.refuseCapture('it hands the data of a tensor to others');
    const buffer = this.values(tensor).buffer as ArrayBuffer;
    if (isCaptured(buffer) && !this.capture?.owns(buffer)) this.takeFromCapture(tensor.dataId);
    return this.values(tensor);
  }

  /** Copies data that a capture lends into the pool's memory, and what is known of them. */
  takeFromCapture(dataId: tf.DataId): void {
    const entry = this.data.get(dataId);
    const lent = entry.values as NumericArray;
    const values = this.allocateArray(lent.length, entry.dtype as NumericType, { isFromBefore: true });
    values.set(lent);
    // Another entry: who has captured a step that reads it sees that it has moved.
    this.data.set(dataId, { ...entry, values });
    noteSquares(dataId, squaresOf(dataId)?.slice());
  }

  floats(tensor: tf.TensorInfo): Float32Array {
    return this.values(tensor) as Float32Array;
  }

  /** The weights in panels, where all of them are; those that lie transposed are settled where others have been. */
  stored<Weights extends tf.TensorInfo[]>(...weights: Weights): { [I in keyof Weights]: StoredWeight } | undefined {
    const entries: unknown[] = weights.map(({ dataId }) => this.data.get(dataId));
    // A reshaped weight has the same data, whose scales are those of other columns.
    const panels = panelsOf(entries.filter((entry, i) => hasShape(entry, weights[i]!.shape)));
    if (panels?.length !== weights.length) return undefined;
    weights.forEach(({ dataId }, i) => this.capture?.reads(dataId, panels[i]));
    return panels as { [I in keyof Weights]: StoredWeight };
  }

  /** The weights as matrices that lie transposed, where all of them do. */
  transposed<Weights extends tf.TensorInfo[]>(
    ...weights: Weights
  ): { [I in keyof Weights]: TransposedMatrices } | undefined {
    const entries: unknown[] = weights.map(({ dataId }) => this.data.get(dataId));
    const given = entries.map((entry, i) =>
      entry instanceof TransposedWeight && entry.hasShape(weights[i]!.shape) ? entry.transposed : undefined,
    );
    if (given.includes(undefined)) return undefined;
    weights.forEach(({ dataId }, i) => this.capture?.reads(dataId, entries[i]));
    return given as { [I in keyof Weights]: TransposedMatrices };
  }

  /** The bits of numbers that are kept in bfloat16, if they are. Valid until the tensor is disposed: for kernels only. */
  bits({ dataId }: tf.TensorInfo): Uint16Array | undefined {
    const entry: unknown = this.data.has(dataId) ? this.data.get(dataId) : undefined;
    return entry instanceof RoundedNumbers ? entry.bits : undefined;
  }

  /** The weight that lies transposed, if it does: for `settleWeight`. */
  lying({ dataId }: tf.TensorInfo): TransposedWeight | undefined {
    const entry: unknown = this.data.has(dataId) ? this.data.get(dataId) : undefined;
    return entry instanceof TransposedWeight ? entry : undefined;
  }

  ints(tensor: tf.TensorInfo): Int32Array {
    return this.values(tensor) as Int32Array;
  }

  /**
   * Copies the elements of a tensor into memory of the caller's, with all threads: for `copyBytes`.
   *
   * @returns the bytes of the tensor, all copied where the target has as many; undefined where it is elsewhere. Of numbers in
   *   bfloat16 those of their bits where the target has room for no more.
   */
  copyOut(dataId: tf.DataId, target: Uint8Array): number | undefined {
    this.capture?.refuse('it reads the data of a tensor');
    const entry: unknown = this.data.has(dataId) ? this.data.get(dataId) : undefined;
    if (entry instanceof RoundedNumbers && entry.bits.byteLength === target.length) {
      copyBytesTo(target, bytesOf(entry.bits));
      return target.length;
    }
    const values = (entry as { values: unknown } | undefined)?.values;
    if (!ArrayBuffer.isView(values)) return undefined;
    const source = bytesOf(values as NumericArray);
    if (source.length === target.length) copyBytesTo(target, source);
    return source.length;
  }

  /** A tensor over memory of the caller's, which it neither copies nor frees: for `tensorOver`. */
  borrow(values: Float32Array, shape: number[]): tf.TensorInfo {
    const dataId = {};
    this.data.set(dataId, { values, dtype: 'float32', refCount: 1 });
    this.borrowed.add(dataId);
    return { dataId, shape, dtype: 'float32' };
  }

  /** A weight of matrices that lie transposed in memory of the caller's: for `transposedOver`. */
  borrowTransposed(given: TransposedMatrices, sizes: WeightSizes, shape: number[]): tf.TensorInfo {
    const dataId = {};
    this.data.set(dataId, new TransposedWeight(sizes, given, sharedPool()));
    return { dataId, shape, dtype: 'float32' };
  }

  /** A new tensor whose content is undefined until a kernel writes it. */
  output(shape: readonly number[], dtype: NumericType = 'float32', options?: Allocation): tf.TensorInfo {
    let size = 1;
    for (let i = 0; i < shape.length; i++) size *= shape[i]!;
    const dataId = {};
    this.data.set(dataId, { values: this.allocateArray(size, dtype, options), dtype, refCount: 1 });
    this.made?.push(dataId);
    return { dataId, shape: shape as number[], dtype };
  }

  /** A new tensor whose content JavaScript writes, once and for all where a step is captured. */
  lastingOutput(shape: readonly number[], dtype: NumericType): tf.TensorInfo {
    return this.output(shape, dtype, { isLasting: true });
  }

  /** A new tensor for a weight in fewer bytes, whose content is undefined until a kernel writes it. */
  storedOutput(shape: readonly number[], sizes: WeightSizes, { isInt8 }: { isInt8: boolean }): tf.TensorInfo {
    const length = sizes.count * sizes.dIn * sizes.dOut;
    const numScales = sizes.count * scaleBlocks(sizes.dIn) * sizes.dOut;
    const weight = isInt8
      ? new Uint8Array(this.acquire(length), 0, length)
      : new Uint16Array(this.acquire(length * 2), 0, length);
    const scales = isInt8 ? (this.allocateArray(numScales, 'float32') as Float32Array) : undefined;
    const dataId = {};
    this.data.set(dataId, new StoredWeight(sizes, weight, scales));
    this.made?.push(dataId);
    return { dataId, shape: shape as number[], dtype: 'float32' };
  }

  /** A new tensor for numbers in bfloat16, whose content is undefined until a kernel writes it. */
  roundedOutput(shape: readonly number[]): tf.TensorInfo {
    const length = shape.reduce((product, n) => product * n, 1);
    const dataId = {};
    this.data.set(dataId, new RoundedNumbers(new Uint16Array(this.acquire(length * 2), 0, length)));
    this.made?.push(dataId);
    return { dataId, shape: shape as number[], dtype: 'float32' };
  }

  /** The same elements under another shape, without a copy: one more reference to the data. */
  alias(tensor: tf.TensorInfo, shape: readonly number[] = tensor.shape): tf.TensorInfo {
    this.incRef(tensor.dataId);
    return { dataId: tensor.dataId, shape: shape as number[], dtype: tensor.dtype };
  }

  /** Elements from `offset` on under a shape of their own, without a copy; the memory stays as long as one of both tensors. */
  view(tensor: tf.TensorInfo, offset: number, shape: readonly number[]): tf.TensorInfo {
    const size = shape.reduce((product, n) => product * n, 1);
    const values = this.values(tensor).subarray(offset, offset + size);
    const buffer = values.buffer as ArrayBuffer;
    if (isCaptured(buffer) && !this.capture?.owns(buffer)) {
      this.refuseCapture('it takes a part of what another capture lends'); // until a replay, which knows of no views
      return this.makeTensorInfo([...shape], tensor.dtype, values);
    }
    this.views.add(buffer);
    const dataId = {};
    this.capture?.knows(dataId);
    this.data.set(dataId, { values, dtype: tensor.dtype, refCount: 1 });
    this.made?.push(dataId);
    return { dataId, shape: shape as number[], dtype: tensor.dtype };
  }

  /** How many data are in a buffer that some are in: views each count. */
  numUses(buffer: ArrayBuffer): number {
    return 1 + this.views.of(buffer);
  }

  /**
   * Whether a kernel may write over a tensor whose only handle the caller has: nobody else has its data or a part of them, and
   * what is captured writes them anew at each replay.
   */
  mayWriteOver({ dataId }: tf.TensorInfo): boolean {
    const entry = this.data.has(dataId) ? this.data.get(dataId) : undefined;
    if (entry?.refCount !== 1 || !ArrayBuffer.isView(entry.values) || this.borrowed.has(dataId)) return false;
    const buffer = entry.values.buffer as ArrayBuffer;
    return this.numUses(buffer) === 1 && (this.capture ? this.capture.rewrites(buffer) : !isCaptured(buffer));
  }

  /** Whether a step can be captured now: not within another one, nor in memory of its own. */
  get canCapture(): boolean {
    return !this.capture && this.pool === sharedPool();
  }

  /** Whether a step is being captured that reads this from before it. */
  isFromBefore(tensor: tf.TensorInfo): boolean {
    return !!this.capture && !this.capture.owns(this.values(tensor).buffer as ArrayBuffer);
  }

  /**
   * Runs a kernel of tfjs-backend-cpu. Some of them (FFT) read a temporary after they have disposed it, which garbage
   * collection forgives and a pool does not: what they free is handed out again only when they are done.
   */
  runJavaScriptKernel<Result>(kernelName: string, run: () => Result): Result {
    if (!isConstant.has(kernelName)) this.capture?.refuse(`its kernel ${kernelName} is JavaScript`);
    if (this.held) return run();
    const held: ArrayBuffer[] = (this.held = []);
    try {
      return this.guard(run, undefined, undefined);
    } finally {
      this.held = undefined;
      for (const buffer of held) this.release(buffer);
    }
  }

  /** Bytes in use and cached by all tensors of this process on this backend. */
  poolStatistics(): PoolStatistics {
    return this.pool.stats();
  }

  /** Gives cached memory back to the system. */
  freeCache(): void {
    this.pool.trim();
  }

  /**
   * Runs a step in memory of its own, in which kernels write nothing where it `isDry`.
   *
   * @returns what the pool of that memory has counted
   * @throws ScmoeError where the step leaves tensors behind, for there is nothing in them
   */
  async runApart(step: () => void | Promise<void>, { isDry }: { isDry: boolean }): Promise<PoolStatistics> {
    const outer = this.pool;
    if (outer !== sharedPool() || this.capture)
      throw new ScmoeError('stepMemory: expected no step within another one or within a capture');
    const pool = poolApart(this.poolOf);
    this.pool = pool;
    computeNothing(isDry);
    try {
      await step();
    } finally {
      computeNothing(false);
      this.pool = outer;
    }
    const statistics = pool.stats();
    if (statistics.bytesInUse === 0) return statistics;
    throw new ScmoeError(
      `stepMemory: expected the step to dispose all tensors that it makes, got ${statistics.bytesInUse} bytes that are left`,
    );
  }

  override memory(): ScmoeMemory {
    return { unreliable: false, reasons: [], ...this.pool.stats() };
  }

  override write(values: tf.backend_util.BackendValues, _shape: number[], dtype: tf.DataType): tf.DataId {
    const dataId = {};
    this.store(dataId, values, dtype, 1);
    this.made?.push(dataId);
    return dataId;
  }

  override move(
    dataId: tf.DataId,
    values: tf.backend_util.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    noteSquares(dataId, undefined); // there it may have been written over
    if (dtype !== 'complex64') {
      this.store(dataId, values, dtype, refCount, { isFromBefore: true });
      return;
    }
    const part = (array: Float32Array) => this.makeTensorInfo(shape, 'float32', array);
    this.data.set(dataId, complexEntry(values as Float32Array, refCount, part));
  }

  override readSync(dataId: tf.DataId): tf.backend_util.BackendValues {
    this.capture?.refuse('it reads the data of a tensor');
    const values = super.readSync(dataId);
    // A copy: this memory is handed out again when the tensor is disposed, and callers keep what they read
    // (docs/decisions.md#buffer-pool).
    return ArrayBuffer.isView(values) ? values.slice() : values;
  }

  override incRef(dataId: tf.DataId): void {
    super.incRef(dataId);
    this.made?.push(dataId);
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    if (this.made?.includes(dataId)) this.made.splice(this.made.lastIndexOf(dataId), 1);
    const entry = this.data.get(dataId) as StoredWeight | TransposedWeight | RoundedNumbers | { values: unknown };
    const isOther = [StoredWeight, TransposedWeight, RoundedNumbers].some((kind) => entry instanceof kind);
    const buffers = isOther ? (entry as RoundedNumbers).buffers : buffersOf(entry.values);
    if (!super.disposeData(dataId, force)) return false;
    if (this.borrowed.has(dataId)) return true;
    for (const buffer of buffers) this.free(buffer);
    return true;
  }

  private free(buffer: ArrayBuffer): void {
    if (this.views.giveUp(buffer)) return;
    if (this.capture) this.capture.release(buffer);
    // What a capture has taken stays with it.
    if (isCaptured(buffer)) return;
    if (this.held) this.held.push(buffer);
    else this.release(buffer);
  }

  private release(buffer: ArrayBuffer): void {
    (this.poolOf.get(buffer) ?? sharedPool()).release(buffer);
  }

  private store(
    dataId: tf.DataId,
    values: tf.backend_util.BackendValues,
    dtype: tf.DataType,
    refCount: number,
    allocation: Allocation = { isLasting: true },
  ): void {
    if (!isNumeric(dtype) || values == null) {
      this.data.set(dataId, { values, dtype, refCount });
      return;
    }
    // Copied: callers go on using the array that they passed.
    const source = values as NumericArray;
    const copy = this.allocateArray(source.length, dtype, allocation);
    // Not within a capture, whose calls are made again, nor where kernels write nothing.
    const isPlain = !this.capture && this.pool === sharedPool() && source.buffer instanceof ArrayBuffer;
    if (isPlain && source.constructor === copy.constructor) copyBytesTo(bytesOf(copy), bytesOf(source));
    else copy.set(source);
    this.data.set(dataId, { values: copy, dtype, refCount });
  }

  private allocateArray(
    length: number,
    dtype: NumericType,
    { isLasting, isFromBefore }: Allocation = {},
  ): NumericArray {
    const capture = isFromBefore ? undefined : this.capture;
    const take = (bytes: number) =>
      (isLasting ? capture?.acquireLasting(bytes) : capture?.acquire(bytes)) ?? this.pool.acquire(bytes);
    const values = arrayIn(take, dtype, length);
    // What nobody has written may be looked up somewhere: numbers that are places everywhere.
    return dtype === 'int32' && this.pool !== sharedPool() ? values.fill(0) : values;
  }

  private acquire(bytes: number): ArrayBuffer {
    return (this.capture ?? this.pool).acquire(bytes);
  }
}
