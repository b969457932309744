import { RendezvousError } from './RendezvousError.js';

// A key-value connection, after its first line and the answer `ok <maxValueBytes>`, carries frames, little-endian:
//   request   u32 bytes that follow | u8 operation | u32 id | u16 bytes of the key | key (UTF-8) | payload
//   response  u32 bytes that follow | u8 status    | u32 id | payload
// set: payload = value. add: payload = the amount in decimal digits. get, delete, forget: no payload. `forget` has no
// response: it withdraws the `get` of that id. A response to get carries the value, to add the new sum in decimal
// digits, to delete `1` if there was such a key, `0` if not; one with status `failed` carries a text.

export const operations = { set: 1, get: 2, add: 3, delete: 4, forget: 5 } as const;
export const statuses = { ok: 0, failed: 1 } as const;

/** Bytes of a request before its key, without the length. */
export const requestHeaderBytes = 7;

export function encodeRequest(operation: number, id: number, key: string, payload: Uint8Array): Buffer[] {
  const keyBytes = Buffer.from(key);
  const header = Buffer.alloc(4 + requestHeaderBytes);
  header.writeUInt32LE(requestHeaderBytes + keyBytes.length + payload.length, 0);
  header.writeUInt8(operation, 4);
  header.writeUInt32LE(id, 5);
  header.writeUInt16LE(keyBytes.length, 9);
  return [header, keyBytes, Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)];
}

export interface Request {
  operation: number;
  id: number;
  key: string;
  payload: Buffer;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads a request. @throws RendezvousError for a frame that is no request */
export function decodeRequest(frame: Buffer): Request {
  if (frame.length < requestHeaderBytes) throw malformed(`a request of ${frame.length} bytes`);
  const keyEnd = requestHeaderBytes + frame.readUInt16LE(5);
  if (frame.length < keyEnd) throw malformed('a key that is longer than its request');
  let key: string;
  try {
    key = utf8.decode(frame.subarray(requestHeaderBytes, keyEnd));
  } catch {
    throw malformed('a key that is not UTF-8');
  }
  return { operation: frame.readUInt8(0), id: frame.readUInt32LE(1), key, payload: frame.subarray(keyEnd) };
}

export function encodeResponse(status: number, id: number, payload: Uint8Array): [Buffer, Uint8Array] {
  const header = Buffer.alloc(9);
  header.writeUInt32LE(5 + payload.length, 0);
  header.writeUInt8(status, 4);
  header.writeUInt32LE(id, 5);
  return [header, payload];
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Bytes of the frame under way; undefined while its length is not complete. */
  #frameBytes: number | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The frames that `chunk` completes.
   *
   * @throws RendezvousError for a frame that is announced longer than allowed, before any of it is kept
   */
  *push(chunk: Buffer): Generator<Buffer> {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    for (;;) {
      if (this.#frameBytes === undefined) {
        if (this.#buffered < 4) return;
        this.#frameBytes = this.#take(4).readUInt32LE(0);
        if (this.#frameBytes > this.#maxBytes) {
          throw new RendezvousError(
            'limit',
            `A frame of ${this.#frameBytes} bytes: at most ${this.#maxBytes} are taken.`,
          );
        }
      }
      if (this.#buffered < this.#frameBytes) return;
      const frame = this.#take(this.#frameBytes);
      this.#frameBytes = undefined;
      yield frame;
    }
  }

  #take(bytes: number): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = bytes === all.length ? [] : [all.subarray(bytes)];
    this.#buffered -= bytes;
    return all.subarray(0, bytes);
  }
}

function malformed(what: string): RendezvousError {
  return new RendezvousError('protocol', `Malformed input: ${what}.`);
}
