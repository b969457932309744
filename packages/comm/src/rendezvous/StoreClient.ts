import type { Socket } from 'node:net';

import { endpointText } from '../place/addresses.js';
import { dial, type Dialled, type StoreAddress } from './dial.js';
import { formatDuration } from './formatDuration.js';
import { encodeRequest, FrameReader, operations, statuses } from './frames.js';
import { RendezvousError } from './RendezvousError.js';

/** Options of `StoreClient.connect`. */
export interface StoreClientOptions extends Partial<Pick<StoreAddress, 'host'>>, Omit<StoreAddress, 'host'> {
  /** How long to try to connect, and how long each call may take where it doesn't say so. Default 5 min. */
  timeoutMs?: number;
}

interface Pending {
  resolve: (payload: Buffer) => void;
  reject: (error: RendezvousError) => void;
  timer: NodeJS.Timeout;
}

const nothing = new Uint8Array(0);

/**
 * A connection to a `StoreServer`. Calls may overlap. Every call rejects with a RendezvousError: 'timeout' when no answer
 * came in time, 'limit' or 'refused' with the server's words, 'closed' when the connection is gone. The process may end
 * while the connection is open, unless a call waits.
 */
export class StoreClient {
  readonly #socket: Socket;
  readonly #where: string;
  readonly #timeoutMs: number;
  readonly #maxValueBytes: number;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #closed: RendezvousError | undefined;

  /**
   * Connects, trying again until the time-out: the server may start later.
   *
   * @throws RendezvousError 'timeout'; 'refused' at once for a wrong token
   */
  static async connect({
    host = '127.0.0.1',
    port,
    token,
    timeoutMs = 300_000,
  }: StoreClientOptions): Promise<StoreClient> {
    const dialled = await dial({ host, port, token }, { protocol: 'scmoe-store', timeoutMs });
    return new StoreClient(dialled, endpointText(host, port), timeoutMs);
  }

  private constructor({ socket, answer, rest }: Dialled, where: string, timeoutMs: number) {
    this.#socket = socket;
    this.#where = where;
    this.#timeoutMs = timeoutMs;
    this.#maxValueBytes = Number(answer);
    const reader = new FrameReader(this.#maxValueBytes + 4096);
    const receive = (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) this.#receive(frame);
      } catch (error) {
        this.#end(
          new RendezvousError('protocol', `The store at ${where} answered what is no answer.`, { cause: error }),
        );
      }
    };
    socket.on('data', receive);
    socket.on('close', () =>
      this.#end(new RendezvousError('closed', `The connection to the store at ${where} ended.`)),
    );
    socket.unref();
    socket.resume();
    if (rest.length > 0) receive(rest);
  }

  /** Stores a value under a key, over one that was there. */
  async set(key: string, value: Uint8Array): Promise<void> {
    if (value.length > this.#maxValueBytes) {
      const message = `set of key '${key}': expected at most ${this.#maxValueBytes} bytes, got ${value.length}.`;
      throw new RendezvousError('limit', message);
    }
    await this.#call(operations.set, key, value);
  }

  /** The value of a key, once there is one. */
  async get(key: string, { timeoutMs = this.#timeoutMs }: { timeoutMs?: number } = {}): Promise<Uint8Array> {
    return this.#call(operations.get, key, nothing, timeoutMs);
  }

  /** Adds a whole number to a key, which counts as 0 where it isn't there, and gives the sum. `get` gives its digits. */
  async add(key: string, amount: number): Promise<number> {
    if (!Number.isSafeInteger(amount)) {
      throw new RendezvousError('refused', `add to key '${key}': expected a whole number, got ${amount}.`);
    }
    return Number((await this.#call(operations.add, key, Buffer.from(String(amount)))).toString());
  }

  /** Whether there was such a key. */
  async delete(key: string): Promise<boolean> {
    return (await this.#call(operations.delete, key, nothing)).toString() === '1';
  }

  /** Calls that wait reject. */
  close(): void {
    this.#end(new RendezvousError('closed', `This connection to the store at ${this.#where} has been closed.`));
  }

  #call(operation: number, key: string, payload: Uint8Array, timeoutMs = this.#timeoutMs): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) return reject(this.#closed);
      const keyBytes = Buffer.byteLength(key);
      if (keyBytes === 0 || keyBytes > 0xffff) {
        return reject(new RendezvousError('limit', `key: expected 1 to 65535 bytes, got ${keyBytes}.`));
      }
      const id = this.#nextId;
      this.#nextId = (id % 0xffffffff) + 1;
      const timer = setTimeout(() => {
        this.#settle(id);
        if (operation === operations.get) this.#send(operations.forget, id, key, nothing);
        reject(new RendezvousError('timeout', this.#timeoutText(operation, key, timeoutMs)));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#socket.ref();
      this.#send(operation, id, key, payload);
    });
  }

  #timeoutText(operation: number, key: string, timeoutMs: number): string {
    const within = `within ${formatDuration(timeoutMs)}`;
    return operation === operations.get
      ? `Key '${key}' did not appear in the rendezvous store at ${this.#where} ${within}.`
      : `The rendezvous store at ${this.#where} did not answer a change of key '${key}' ${within}.`;
  }

  #send(operation: number, id: number, key: string, payload: Uint8Array): void {
    this.#socket.cork();
    for (const part of encodeRequest(operation, id, key, payload)) this.#socket.write(part);
    process.nextTick(() => this.#socket.uncork());
  }

  #receive(frame: Buffer): void {
    // Of a call that timed out there is nothing left to settle.
    const pending = this.#settle(frame.readUInt32LE(1));
    const payload = frame.subarray(5);
    if (frame.readUInt8(0) === statuses.ok) pending?.resolve(payload);
    else pending?.reject(new RendezvousError('refused', payload.toString()));
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    clearTimeout(pending?.timer);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#socket.unref();
    return pending;
  }

  #end(error: RendezvousError): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(error);
    // A change that was sent before still arrives.
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), 1000).unref();
  }
}
