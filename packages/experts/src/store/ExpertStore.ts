import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { UserError } from '@scmoe/errors';
import { tensorOver } from '@scmoe/tensor';
import type { Checkpoint } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { ExpertCache, type EvictionPolicy } from './ExpertCache.js';
import { ExpertReader } from './ExpertReader.js';
import { dataFile, type ExpertStoreHeader } from './ExpertStoreHeader.js';
import { folderFingerprint } from './folderFingerprint.js';
import { ExpertStoreError } from './ExpertStoreError.js';

/** How experts are read and kept. */
export interface ExpertStoreOptions {
  /** The most bytes of experts that are in memory: whole experts, one at least. */
  cacheBytes: number;
  /** Which expert makes room for another; default `belady`. */
  policy?: EvictionPolicy;
  /** Threads that read. Default: 2, or 1 on a machine with one core. */
  numReaders?: number;
  /** Reads past the page cache of the system: memory is bounded, and every miss costs what the disk costs. Default: false. */
  direct?: boolean;
  /** Leaves the rest of the disk's bandwidth to others. Default: no limit. */
  maxBytesPerSecond?: number;
  /** How long a read may take before the disk counts as hanging. Default: 10,000. */
  readTimeoutMs?: number;
}

/** What the store has done so far. Uses are of one expert by the tokens of one pass. */
export interface ExpertStoreStatistics {
  /** Uses of experts that were in memory, not read for this use. */
  hits: number;
  /** Uses of experts that were read for them: since their route was known, since it was guessed, or on demand. */
  readKnown: number;
  readGuessed: number;
  readOnDemand: number;
  /** Experts that were read and went unused. */
  wasted: number;
  reads: number;
  bytesRead: number;
  /** Time of all reads, each from its turn on. */
  readMs: number;
  /** Time in which the computation stood still for one. */
  waitMs: number;
  cacheBytes: number;
  numSlots: number;
}

/** Why an expert is read. */
export type ReadReason = 'known' | 'guessed' | 'onDemand';

/** The weights of one expert by their names, (1, ...) each. */
export type ExpertWeights = Record<string, tf.Tensor>;

/**
 * Experts on a disk, of which a bounded number is in memory. What is computed does not depend on how many, nor on which are
 * read when. Reads that fail throw an `ExpertStoreError` where the expert is needed; the next need tries again.
 */
export class ExpertStore {
  private readonly reader: ExpertReader;
  private readonly cache: ExpertCache;
  /** The reason why each slot was read, until it is used. */
  private readonly reasons: (ReadReason | undefined)[];
  private readonly weights: (ExpertWeights | undefined)[];
  /** Why each expert is to be read that is known to come. */
  private readonly why = new Map<number, ReadReason>();
  /** Whether the checksum of an expert was looked at, once in the life of the store. */
  private readonly verified: Uint8Array;
  private isClosed = false;
  private readonly counts = {
    hits: 0,
    readKnown: 0,
    readGuessed: 0,
    readOnDemand: 0,
    wasted: 0,
    reads: 0,
    readMs: 0,
    waitMs: 0,
  };

  /** Use `openExpertStore`. */
  constructor(
    readonly folder: string,
    readonly header: ExpertStoreHeader,
    {
      cacheBytes,
      policy,
      numReaders,
      direct = false,
      maxBytesPerSecond = 0,
      readTimeoutMs = 10_000,
    }: ExpertStoreOptions,
  ) {
    const { layers, numExperts, stride, alignment } = header;
    const total = layers.length * numExperts;
    const numSlots = Math.min(total, Math.floor(cacheBytes / stride));
    this.reader = new ExpertReader({
      ...{ path: join(folder, dataFile), stride, pageBytes: alignment, numSlots, direct, maxBytesPerSecond },
      numReaders: numReaders ?? Math.min(2, availableParallelism()),
      timeoutMs: readTimeoutMs,
    });
    this.cache = new ExpertCache(numSlots, policy, (slot) => this.reader.isReading(slot));
    this.reasons = Array.from({ length: numSlots }, () => undefined);
    this.weights = Array.from({ length: numSlots }, () => undefined);
    this.verified = new Uint8Array(total);
  }

  /** What was done so far. */
  get statistics(): ExpertStoreStatistics {
    const { stride } = this.header;
    const { numSlots } = this.cache;
    return { ...this.counts, bytesRead: this.counts.reads * stride, cacheBytes: numSlots * stride, numSlots };
  }

  /**
   * Makes sure that the experts are those of a checkpoint.
   *
   * @throws UserError where they were packed from another one
   */
  expectPackedFrom({ path, index: { step, files } }: Pick<Checkpoint, 'path' | 'index'>): void {
    const { source } = this.header;
    if (files['model.safetensors']?.sha256 === source.model) return;
    throw new UserError(
      `${this.folder} has the experts of another checkpoint, of step ${source.step}: expected those of ${path}, of step ${step}. Pack them with \`scmoe experts pack\`.`,
    );
  }

  /**
   * Makes sure that the experts are those of a folder of Hugging Face transformers.
   *
   * @throws UserError where they were packed from another one, or it can't be read
   */
  async expectPackedFromFolder(path: string): Promise<void> {
    if ((await folderFingerprint(path)) === this.header.source.model) return;
    throw new UserError(
      `${this.folder} has the experts of another model: expected those of ${path}. Pack them with \`scmoe experts pack\`.`,
    );
  }

  /**
   * Says which experts of a layer the tokens of this pass need, in the order of use: they are read as far as there is room.
   * What was said of the layer before does not hold any more.
   *
   * @param layer its number among the layers of the store
   */
  routeKnown(layer: number, experts: readonly number[], reason: ReadReason = 'known'): void {
    this.expect(layer, experts, reason);
    this.readAhead();
  }

  /**
   * Says it of several layers, in the order of use, before anything is read: what one of them has in memory does not make room
   * for another then.
   */
  routesKnown(routes: readonly { layer: number; experts: readonly number[] }[]): void {
    for (const { layer, experts } of routes) this.expect(layer, experts, 'known');
    this.readAhead();
  }

  /**
   * Computes with the weights of an expert, which it waits for where they are not there yet. They are valid until `compute`
   * returns.
   *
   * @throws ExpertStoreError where they can't be read
   */
  with<Result>(layer: number, expert: number, compute: (weights: ExpertWeights) => Result): Result {
    const slot = this.acquire(layer * this.header.numExperts + expert);
    try {
      return compute((this.weights[slot] ??= this.tensorsOf(slot)));
    } finally {
      this.cache.release(slot);
      this.readAhead();
    }
  }

  /** Ends the threads and frees all memory. What is asked for then fails. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.weights.forEach((weights) => tf.dispose(weights));
    this.weights.fill(undefined);
    await this.reader.close();
  }

  private expect(layer: number, experts: readonly number[], reason: ReadReason): void {
    const { numExperts } = this.header;
    const [first, end] = [layer * numExperts, (layer + 1) * numExperts];
    this.cache.forget((key) => key >= first && key < end);
    const keys = experts.map((expert) => first + expert);
    for (const key of keys) {
      this.why.set(key, reason);
      const slot = this.cache.find(key);
      // What has failed before may have been mended since.
      if (slot !== undefined && this.reader.hasFailed(slot)) this.forget(slot);
    }
    this.cache.expect(keys);
  }

  /** The slot of an expert that is there, in use. */
  private acquire(key: number): number {
    if (this.isClosed) throw new ExpertStoreError(`${this.folder}: it is closed.`);
    let slot = this.cache.find(key) ?? this.startRead(key, 'onDemand');
    while (slot === undefined) {
      // Something was being read into every slot: the first that is done makes room, and may have done so since.
      const reading = this.firstReading();
      if (reading !== undefined) this.waitFor(reading);
      slot = this.startRead(key, 'onDemand');
      if (slot === undefined && reading === undefined)
        throw new ExpertStoreError(
          `${this.folder}: expected a cache of more experts than are used at once, which is all of them.`,
        );
    }
    if (this.reader.isReading(slot) || this.reader.hasFailed(slot)) this.waitFor(slot);
    this.count(slot);
    this.verified[key] = 1;
    this.cache.use(slot);
    return slot;
  }

  private firstReading(): number | undefined {
    for (let slot = 0; slot < this.cache.numSlots; slot++) if (this.reader.isReading(slot)) return slot;
    return undefined;
  }

  private waitFor(slot: number): void {
    const start = performance.now();
    try {
      this.reader.wait(slot);
    } catch (error) {
      // One that is still being read keeps its place: memory that is written to can't be given to another.
      if (!this.reader.isReading(slot)) this.forget(slot);
      throw error;
    } finally {
      this.counts.waitMs += performance.now() - start;
    }
  }

  private forget(slot: number): void {
    this.reasons[slot] = undefined;
    this.cache.remove(slot);
  }

  private count(slot: number): void {
    const reason = this.reasons[slot];
    this.reasons[slot] = undefined;
    if (reason === undefined) {
      this.counts.hits++;
      return;
    }
    this.counts.readMs += this.reader.readMs(slot);
    if (reason === 'known') this.counts.readKnown++;
    else if (reason === 'guessed') this.counts.readGuessed++;
    else this.counts.readOnDemand++;
  }

  /** Reads what is known to come and is not there, as far as there is room that nothing else needs that is known to come. */
  private readAhead(): void {
    for (const key of this.cache.coming) {
      if (this.cache.find(key) !== undefined) continue;
      if (this.startRead(key, this.why.get(key)!, { ahead: true }) === undefined) return;
    }
  }

  /** Begins to read an expert. @returns its slot; undefined where there is none for it now */
  private startRead(key: number, reason: ReadReason, how: { ahead?: boolean } = {}): number | undefined {
    const slot = this.cache.place(key, how);
    if (slot === undefined) return undefined;
    if (this.reasons[slot] !== undefined) {
      this.counts.wasted++;
      this.counts.readMs += this.reader.readMs(slot);
    }
    tf.dispose(this.weights[slot]);
    this.weights[slot] = undefined;
    this.reasons[slot] = undefined;
    const { numExperts, stride, alignment, crc32 } = this.header;
    const sum = this.verified[key] ? undefined : crc32[Math.floor(key / numExperts)]![key % numExperts];
    try {
      this.reader.start(slot, { page: (key * stride) / alignment, sum });
    } catch (error) {
      this.forget(slot);
      throw error;
    }
    this.reasons[slot] = reason;
    this.counts.reads++;
    return slot;
  }

  private tensorsOf(slot: number): ExpertWeights {
    return Object.fromEntries(
      this.header.tensors.map(({ name, shape, offset }) => {
        const length = shape.reduce((product, size) => product * size, 1);
        return [name, tf.keep(tensorOver(this.reader.floats(slot, offset, length), [1, ...shape]))];
      }),
    );
  }
}
