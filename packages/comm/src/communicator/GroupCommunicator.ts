import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { deviceMemory } from '../data/deviceTensors.js';
import { openOnDevice } from '../data/Payload.js';
import { isRecording, recordCollective, shapePayload } from '../data/recordCollective.js';
import type { Engine, EngineCall, Operation } from '../engine/Engine.js';
import { CollectiveWork } from './CollectiveWork.js';
import type {
  CollectiveOptions,
  Communicator,
  Counts,
  Data,
  EngineName,
  ExchangeRowsOptions,
  FlightRecord,
  MoveOptions,
  ReduceOptions,
} from './Communicator.js';
import { bareCall, prepareCall } from './prepareCall.js';
import { packBytes, unpackBytes } from './packBytes.js';
import type { Work } from './Work.js';

type AnyOptions = ExchangeRowsOptions<Data> & ReduceOptions<Data> & { root?: number };

/** The communicator over any engine: checks arguments, finds memory, makes works of what the engine starts. */
export class GroupCommunicator implements Communicator {
  readonly #engine: Engine;
  readonly #timeoutMs: number;
  readonly #onClose: () => Promise<void>;
  #splits = 0;

  /** @param onClose runs after the engine has closed: what else belongs to this communicator alone */
  constructor(engine: Engine, { timeoutMs, onClose }: { timeoutMs: number; onClose?: () => Promise<void> }) {
    this.#engine = engine;
    this.#timeoutMs = timeoutMs;
    this.#onClose = onClose ?? (() => Promise.resolve());
  }

  get engine(): EngineName {
    return this.#engine.name;
  }

  get rank(): number {
    return this.#engine.rank;
  }

  get size(): number {
    return this.#engine.size;
  }

  allToAll<D extends Data>(data: D, options: MoveOptions<D> = {}): Work<D> {
    return this.#collective('allToAll', data, {}, options);
  }

  allToAllV<D extends Data>(
    data: D,
    counts: { sendCounts: Counts; recvCounts: Counts },
    options: ExchangeRowsOptions<D> = {},
  ): Work<D> {
    return this.#collective('allToAllV', data, counts, options);
  }

  allReduce<D extends Data>(data: D, options: ReduceOptions<D> = {}): Work<D> {
    return this.#collective('allReduce', data, {}, options);
  }

  allGather<D extends Data>(data: D, options: MoveOptions<D> = {}): Work<D> {
    return this.#collective('allGather', data, {}, options);
  }

  allGatherV<D extends Data>(data: D, counts: { recvCounts: Counts }, options: MoveOptions<D> = {}): Work<D> {
    return this.#collective('allGatherV', data, counts, options);
  }

  reduceScatter<D extends Data>(data: D, options: ReduceOptions<D> = {}): Work<D> {
    return this.#collective('reduceScatter', data, {}, options);
  }

  broadcast<D extends Data>(data: D, options: MoveOptions<D> & { root?: number } = {}): Work<D> {
    return this.#collective('broadcast', data, {}, options);
  }

  barrier(options: CollectiveOptions = {}): Work<void> {
    return this.#bare('barrier', options);
  }

  async split(color: number | undefined, key = this.rank): Promise<Communicator | undefined> {
    for (const [name, value] of [
      ['color', color ?? 0],
      ['key', key],
    ] as const) {
      if (!Number.isInteger(value) || Math.abs(value) >= 2 ** 31) {
        throw new ArgumentError(`split on rank ${this.rank} of ${this.size}: ${name}: expected an int32, got ${value}`);
      }
    }
    const number = this.#splits++;
    const wishes = await this.allGather(Int32Array.of(color === undefined ? 0 : 1, color ?? 0, key)).done;
    const ranks = Array.from({ length: this.size }, (_, rank) => ({
      rank,
      grouped: wishes[3 * rank] === 1,
      color: wishes[3 * rank + 1]!,
      key: wishes[3 * rank + 2]!,
    }));
    const members = ranks
      .filter((other) => other.grouped && other.color === color)
      .sort((a, b) => a.key - b.key || a.rank - b.rank)
      .map(({ rank }) => rank);
    const engine = await this.#engine.split({
      name: `${this.#engine.group}/${number}.${color ?? 'none'}`,
      members: color === undefined ? undefined : members,
      gather: async (bytes) => {
        const packed = packBytes(bytes, this.size);
        const all = await this.allGather(packed).done;
        return ranks.map(({ rank }) => unpackBytes(all.subarray(rank * packed.length, (rank + 1) * packed.length)));
      },
      timeoutMs: this.#timeoutMs,
    });
    return engine && new GroupCommunicator(engine, { timeoutMs: this.#timeoutMs });
  }

  flightRecord(): FlightRecord {
    return this.#engine.flightRecord();
  }

  abort(text: string): void {
    this.#engine.abort(text);
  }

  async close(): Promise<void> {
    await this.#engine.close();
    await this.#onClose();
  }

  #collective<D extends Data>(
    operation: Operation,
    data: D,
    counts: { sendCounts?: Counts; recvCounts?: Counts },
    options: AnyOptions,
  ): Work<D> {
    if (data instanceof tf.Tensor && isRecording()) return this.#recorded(operation, data, counts, options) as Work<D>;
    const onDevice = this.#onDevice(operation, data, options);
    const { call, payload, result } = onDevice
      ? prepareCall(this.#place(), operation, data, counts, onDevice.options, onDevice.open)
      : prepareCall(this.#place(), operation, data, counts, options);
    const give = () => result!.give();
    return this.#start(
      call,
      () => (onDevice?.end ? onDevice.end(give() as tf.Tensor) : give()) as D,
      (failed) => {
        payload!.release();
        if (failed) result!.release();
      },
    );
  }

  /**
   * How a tensor travels from where it is on the device, and its result to there: where the engine can read it and values stay
   * as they are. Of a mean the sum travels, and is divided there.
   */
  #onDevice(operation: Operation, data: Data, options: AnyOptions) {
    if (!this.#engine.readsDeviceMemory || !(data instanceof tf.Tensor) || data.dtype !== 'float32') return undefined;
    const memory = deviceMemory();
    const reduces = operation === 'allReduce' || operation === 'reduceScatter';
    if (!memory || data.size === 0 || options.as !== undefined || (reduces && options.op === 'max')) return undefined;
    const isMean = reduces && options.op === 'mean';
    const shared = (sum: tf.Tensor) => {
      const mean = tf.mul(sum, 1 / this.size);
      sum.dispose();
      return mean;
    };
    return {
      open: () => openOnDevice(memory, data),
      options: isMean ? { ...options, op: 'sum' as const } : options,
      end: isMean ? shared : undefined,
    };
  }

  /** A collective of a compiled step, which starts at each call of the step. */
  #recorded(
    operation: Operation,
    data: tf.Tensor,
    counts: { sendCounts?: Counts; recvCounts?: Counts },
    options: AnyOptions,
  ): Work<tf.Tensor> {
    let shape: readonly number[] = data.shape;
    const open = (call: string) => shapePayload(call, data, (asked) => (shape = asked));
    prepareCall(this.#place(), operation, data, counts, options, open);
    const { sendCounts, recvCounts } = counts;
    const agreed = JSON.stringify([sendCounts, recvCounts, options.op, options.as, options.root, options.paddedTo]);
    const name = `${operation} ${this.#engine.group} ${agreed}`;
    const start = (now: tf.Tensor) => this.#collective<tf.Tensor>(operation, now, counts, options);
    return recordCollective({ name, data, shape, start });
  }

  #bare(operation: Operation, options: CollectiveOptions): Work<void> {
    return this.#start(
      bareCall(operation, this.#place(), options),
      () => undefined,
      () => undefined,
    );
  }

  #start<Result>(call: EngineCall, give: () => Result, release: (failed: boolean) => void): Work<Result> {
    try {
      return CollectiveWork.start((onDone) => this.#engine.start(call, onDone), give, release);
    } catch (error) {
      release(true);
      throw error;
    }
  }

  #place() {
    return { rank: this.rank, size: this.size, timeoutMs: this.#timeoutMs };
  }
}
