import type { FlightRecord } from '../communicator/Communicator.js';
import type { Engine, EngineCall, EngineWork, GroupPlan } from './Engine.js';

/**
 * An engine that moves nothing: every collective is done at once. What comes is what was sent, where that is as long, and zeros
 * elsewhere.
 */
export class DryEngine implements Engine {
  readonly name = 'self';
  readonly group: string;
  readonly rank: number;
  readonly size: number;
  #sequence = 0;

  constructor({ rank, size, group = 'dry' }: { rank: number; size: number; group?: string }) {
    this.rank = rank;
    this.size = size;
    this.group = group;
  }

  start({ input, output }: EngineCall, onDone: () => void): EngineWork {
    if (input && output && input !== output && input.length === output.length) output.set(input);
    queueMicrotask(onDone);
    return { sequence: this.#sequence++, wait: () => undefined, isDone: () => true };
  }

  split({ name, members }: GroupPlan): Promise<Engine | undefined> {
    const rank = members?.indexOf(this.rank) ?? -1;
    return Promise.resolve(members && new DryEngine({ rank, size: members.length, group: name }));
  }

  flightRecord(): FlightRecord {
    const { group, rank, size } = this;
    return { version: 1, group, rank, size, reason: '', writtenMs: Date.now(), entries: [] };
  }

  abort(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }
}
