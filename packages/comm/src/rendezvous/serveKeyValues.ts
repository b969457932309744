import type { Socket } from 'node:net';

import {
  decodeRequest,
  encodeResponse,
  FrameReader,
  operations,
  requestHeaderBytes,
  statuses,
  type Request,
} from './frames.js';
import { parseWhole, type KeyValues } from './KeyValues.js';
import { maxKeyBytes, maxWaitingGets } from './limits.js';
import { RendezvousError } from './RendezvousError.js';

const nothing = new Uint8Array(0);

/** Serves the frames of one connection. The result takes what the socket reads. */
export function serveKeyValues(socket: Socket, values: KeyValues, maxValueBytes: number): (chunk: Buffer) => void {
  const reader = new FrameReader(requestHeaderBytes + maxKeyBytes + maxValueBytes);
  const withdrawals = new Map<number, () => void>();

  const respond = (id: number, payload: Uint8Array, status: number = statuses.ok) => {
    socket.cork();
    for (const part of encodeResponse(status, id, payload)) socket.write(part);
    // Who asks faster than it reads waits, instead of filling the server's memory.
    if (socket.writableNeedDrain) socket.pause();
    process.nextTick(() => socket.uncork());
  };
  socket.on('drain', () => socket.resume());
  socket.on('close', () => withdrawals.forEach((withdraw) => withdraw()));

  const get = (id: number, key: string) => {
    const value = values.get(key);
    if (value !== undefined) return respond(id, value);
    if (withdrawals.size >= maxWaitingGets)
      throw new RendezvousError('limit', `More than ${maxWaitingGets} gets wait.`);
    if (withdrawals.has(id)) throw new RendezvousError('protocol', `The id ${id} is in use.`);
    const withdraw = values.whenSet(key, (late) => {
      withdrawals.delete(id);
      respond(id, late);
    });
    withdrawals.set(id, withdraw);
  };

  const handle = ({ operation, id, key, payload }: Request) => {
    switch (operation) {
      case operations.set:
        // A copy, lest a small value hold the whole chunk that it came in.
        values.set(key, Buffer.from(payload));
        return respond(id, nothing);
      case operations.get:
        return get(id, key);
      case operations.add:
        return respond(id, Buffer.from(String(values.add(key, parseWhole(payload.toString('latin1'), key)))));
      case operations.delete:
        return respond(id, Buffer.from(values.delete(key) ? '1' : '0'));
      case operations.forget:
        withdrawals.get(id)?.();
        withdrawals.delete(id);
        return;
      default:
        throw new RendezvousError('protocol', `Unknown operation ${operation}.`);
    }
  };

  return (chunk) => {
    try {
      for (const frame of reader.push(chunk)) {
        const request = decodeRequest(frame);
        try {
          handle(request);
        } catch (error) {
          if (!(error instanceof RendezvousError) || error.failure === 'protocol') throw error;
          respond(request.id, Buffer.from(error.message), statuses.failed);
        }
      }
    } catch (error) {
      if (!(error instanceof RendezvousError)) throw error;
      // Where one frame ends and the next begins is unknown from here on.
      socket.destroy();
    }
  };
}
