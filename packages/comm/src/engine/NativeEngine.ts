import type { CommFunctions } from '@scmoe/native/signatures';

import { CommError, toCommError } from '../communicator/CommError.js';
import type { EngineName, FlightRecord } from '../communicator/Communicator.js';
import { closeAtExit } from './closeAtExit.js';
import type { Engine, EngineCall, EngineWork, GroupPlan, Operation } from './Engine.js';

export interface NativeEngineOptions {
  name: EngineName;
  group: string;
  rank: number;
  size: number;
  /** Opens the addon's communicator; `onDone` has to be called with each sequence number that has ended. */
  open: (onDone: (sequence: number) => void) => number;
  split: (engine: NativeEngine, plan: GroupPlan) => Promise<Engine | undefined>;
  readsDeviceMemory?: boolean;
}

/** An engine in an addon: a number there, and the bookkeeping of what is in progress here. */
export class NativeEngine implements Engine {
  readonly name: EngineName;
  readonly group: string;
  readonly rank: number;
  readonly size: number;
  readonly readsDeviceMemory: boolean;
  readonly #addon: CommFunctions;
  readonly #split: NativeEngineOptions['split'];
  /** The addon's number; undefined once released. */
  #id: number | undefined;
  #pending = new Map<number, () => void>();
  #closing: Promise<void> | undefined;
  #lastRecord: FlightRecord | undefined;
  readonly #forgetExit: () => void;

  constructor(addon: CommFunctions, options: NativeEngineOptions) {
    const { name, group, rank, size, open, split, readsDeviceMemory = false } = options;
    this.readsDeviceMemory = readsDeviceMemory;
    this.name = name;
    this.group = group;
    this.rank = rank;
    this.size = size;
    this.#addon = addon;
    this.#split = split;
    this.#id = native(() => open((sequence) => this.#ended(sequence)));
    this.#forgetExit = closeAtExit((exitCode) => this.#exit(exitCode));
  }

  /** The addon's number, for an engine's own functions. */
  get id(): number {
    if (this.#id === undefined) throw this.#closedError('use');
    return this.#id;
  }

  start(call: EngineCall, onDone: () => void): EngineWork {
    const id = this.#id;
    if (id === undefined) throw this.#closedError(call.operation);
    const sequence = native(() =>
      this.#addon.commStart({
        ...call,
        id,
        sendCounts: call.sendCounts && Array.from(call.sendCounts),
        recvCounts: call.recvCounts && Array.from(call.recvCounts),
      }),
    );
    this.#pending.set(sequence, onDone);
    return {
      sequence,
      wait: () => {
        if (this.#id === undefined) throw this.#closedError(call.operation);
        try {
          native(() => this.#addon.commWait({ id, sequence }));
        } finally {
          // A program that only ever waits does not let the event loop get to it.
          this.#pending.delete(sequence);
        }
      },
      isDone: () => this.#id === undefined || this.#addon.commIsDone({ id, sequence }),
    };
  }

  split(plan: GroupPlan): Promise<Engine | undefined> {
    return this.#split(this, plan);
  }

  flightRecord(): FlightRecord {
    if (this.#id === undefined) return this.#lastRecord!;
    return JSON.parse(this.#addon.commFlightRecord({ id: this.#id })) as FlightRecord;
  }

  abort(text: string): void {
    if (this.#id !== undefined) this.#addon.commAbort({ id: this.#id, text });
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /** Fails what is in progress and lets go of everything, without a word to the other ranks. */
  release(): void {
    const id = this.#id;
    if (id === undefined) return;
    this.#lastRecord = this.flightRecord();
    this.#addon.commRelease({ id });
    this.#id = undefined;
    this.#forgetExit();
    for (const sequence of [...this.#pending.keys()]) this.#ended(sequence);
  }

  async #close(): Promise<void> {
    if (this.#id === undefined) return;
    if (this.#addon.commFailure({ id: this.#id }) === undefined) {
      await new Promise<void>((resolve) => {
        try {
          this.start(closeCall, resolve);
        } catch {
          resolve(); // it has failed just now
        }
      });
    }
    this.release();
  }

  #ended(sequence: number): void {
    const onDone = this.#pending.get(sequence);
    this.#pending.delete(sequence);
    onDone?.();
  }

  /** Lets go at the end of the process, where nothing may be awaited. */
  #exit(exitCode: number): void {
    const id = this.#id;
    if (id === undefined) return;
    try {
      if (exitCode === 0) this.start(closeCall, () => undefined).wait();
      else this.#addon.commAbort({ id, text: `its process ends with exit code ${exitCode}` });
    } catch {
      // It has failed already: nobody is left to be told.
    }
    this.#addon.commRelease({ id });
    this.#id = undefined;
  }

  #closedError(operation: Operation | 'use'): CommError {
    return new CommError(
      'SCMOE_COMM_CLOSED',
      `${operation} on rank ${this.rank} of ${this.size}: this communicator is closed`,
    );
  }
}

const closeCall: EngineCall = {
  operation: 'close',
  dtype: 'float32',
  wire: 'float32',
  reduction: 'sum',
  root: 0,
  elements: 0,
  timeoutMs: 60_000,
};

function native<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    throw toCommError(error);
  }
}
