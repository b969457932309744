import type { EngineName, FlightRecord, Reduction } from '../communicator/Communicator.js';
import type { CommDtype, HostArray } from '../data/dtypes.js';

export type Operation =
  | 'connect'
  | 'allToAll'
  | 'allToAllV'
  | 'allReduce'
  | 'allGather'
  | 'allGatherV'
  | 'reduceScatter'
  | 'broadcast'
  | 'barrier'
  | 'close';

/** One collective, checked as far as one rank can: arrays have the lengths that the counts ask for. */
export interface EngineCall {
  operation: Operation;
  dtype: CommDtype;
  /** What travels: float32 data may go as bf16. */
  wire: CommDtype;
  reduction: Reduction;
  root: number;
  /** Absent for a barrier, and for a broadcast on any rank but the root. */
  input?: HostArray;
  output?: HostArray;
  /** Addresses on the engine's device, in the place of arrays. */
  inputAddress?: number;
  outputAddress?: number;
  /** Number of elements of the input; of the output, for a broadcast. */
  elements: number;
  sendCounts?: readonly number[];
  recvCounts?: readonly number[];
  timeoutMs: number;
}

export interface EngineWork {
  readonly sequence: number;
  /** Blocks until the work has ended. @throws CommError where it failed */
  wait(): void;
  isDone(): boolean;
}

/** Which ranks form a new group, by their ranks in the old one; undefined where this rank is in none. */
export interface GroupPlan {
  name: string;
  members: readonly number[] | undefined;
  /** Every rank of the old group gives its bytes and gets everybody's, by rank. All ranks call it, once. */
  gather(bytes: Uint8Array): Promise<Uint8Array[]>;
  timeoutMs: number;
}

/** What moves the data of a communicator: the seam between `GroupCommunicator` and Gloo, or nothing at all. */
export interface Engine {
  readonly name: EngineName;
  /** Unique among the groups of a run. */
  readonly group: string;
  readonly rank: number;
  readonly size: number;
  /** Whether it sends from, and receives into, memory of its device. */
  readonly readsDeviceMemory?: boolean;
  /**
   * Queues a collective.
   *
   * @param onDone called once from the event loop when the work has ended, well or not
   * @throws CommError after a failure or a close
   */
  start(call: EngineCall, onDone: () => void): EngineWork;
  split(plan: GroupPlan): Promise<Engine | undefined>;
  flightRecord(): FlightRecord;
  abort(text: string): void;
  close(): Promise<void>;
}
