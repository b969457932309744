import { CommError } from '../communicator/CommError.js';
import type { FlightEntry, FlightRecord } from '../communicator/Communicator.js';
import { fromBf16, toBf16 } from '../data/bf16.js';
import type { Engine, EngineCall, EngineWork, GroupPlan } from './Engine.js';

/** How many collectives a flight record holds: the native engines' default. */
const recordCapacity = 1024;

/** A world of one: every collective is a copy, done at once. */
export class SelfEngine implements Engine {
  readonly name = 'self';
  readonly group: string;
  readonly rank = 0;
  readonly size = 1;
  #sequence = 0;
  #closed = false;
  #failure = '';
  #entries: FlightEntry[] = [];

  constructor(group = 'world') {
    this.group = group;
  }

  start(call: EngineCall, onDone: () => void): EngineWork {
    this.#checkOpen(call.operation);
    const { input, output } = call;
    if (input && output && input !== output) {
      // The bits that another rank would get.
      output.set(call.wire !== call.dtype ? fromBf16(toBf16(input as Float32Array)) : input);
    } else if (input && call.wire !== call.dtype) {
      input.set(fromBf16(toBf16(input as Float32Array)));
    }
    const sequence = this.#record(call);
    queueMicrotask(onDone);
    return { sequence, wait: () => undefined, isDone: () => true };
  }

  split({ name, members }: GroupPlan): Promise<Engine | undefined> {
    this.#checkOpen('split');
    return Promise.resolve(members && new SelfEngine(name));
  }

  flightRecord(): FlightRecord {
    const { group, rank, size } = this;
    return { version: 1, group, rank, size, reason: this.#failure, writtenMs: Date.now(), entries: [...this.#entries] };
  }

  abort(text: string): void {
    if (!this.#closed) this.#failure ||= text;
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #checkOpen(operation: string): void {
    if (this.#closed) {
      throw new CommError('SCMOE_COMM_CLOSED', `${operation} on rank 0 of 1: this communicator is closed`);
    }
    if (this.#failure) {
      throw new CommError(
        'SCMOE_COMM_CLOSED',
        `${operation} on rank 0 of 1: this communicator has failed and can't be used any more; make a new one. It failed because ${this.#failure}`,
      );
    }
  }

  #record({ operation, dtype, elements, output }: EngineCall): number {
    const now = Date.now();
    const sequence = this.#sequence++;
    this.#entries.push({
      sequence,
      operation,
      call: operation === 'barrier' ? 'barrier()' : `${operation}(${dtype}, ${elements} elements)`,
      dtype,
      bytes: elements * (output?.BYTES_PER_ELEMENT ?? 4),
      state: 'done',
      reached: 'moving data',
      waitingFor: [],
      issuedMs: now,
      startedMs: now,
      finishedMs: now,
    });
    if (this.#entries.length > recordCapacity) this.#entries.shift();
    return sequence;
  }
}
