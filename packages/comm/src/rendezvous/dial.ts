import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { endpointText } from '../place/addresses.js';
import { formatDuration } from './formatDuration.js';
import { leftMark } from './leftMark.js';
import { maxFirstLineBytes } from './limits.js';
import { RendezvousError } from './RendezvousError.js';
import { tokenPattern } from './token.js';

export interface StoreAddress {
  host: string;
  port: number;
  /** The secret of the store. */
  token: string;
}

export interface Dialled {
  socket: Socket;
  /** What followed `ok`. */
  answer: string;
  /** Bytes that came with the answer. */
  rest: Buffer;
}

const advice: Record<string, string> = { 'wrong token': ' SCMOE_TOKEN has to be the same for all ranks of a run.' };

const retryDelaysMs = [20, 50, 100, 200, 500];

/**
 * Opens a connection to a store and says its first line, again and again until the time-out: ranks may start before
 * the one that serves the store.
 *
 * @throws RendezvousError 'timeout', or at once 'refused' where the server says no, 'left' where this rank has been in the group
 *   before, and 'protocol' where something else than a store answers
 */
export async function dial(
  { host, port, token }: StoreAddress,
  { protocol, words = [], timeoutMs }: { protocol: string; words?: (string | number)[]; timeoutMs: number },
): Promise<Dialled> {
  if (!tokenPattern.test(token)) {
    throw new RendezvousError('refused', 'token: expected 1 to 256 visible ASCII characters without spaces.');
  }
  const firstLine = [protocol, 1, token, ...words].join(' ') + '\n';
  const deadline = performance.now() + timeoutMs;
  for (let attempt = 0; ; attempt++) {
    const outcome = await tryOnce(host, port, firstLine, Math.max(1, deadline - performance.now()));
    if (typeof outcome !== 'string') return outcome;
    const delayMs = retryDelaysMs[Math.min(attempt, retryDelaysMs.length - 1)]!;
    if (performance.now() + delayMs >= deadline) {
      throw new RendezvousError(
        'timeout',
        `No rendezvous store at ${endpointText(host, port)} within ${formatDuration(timeoutMs)} (last attempt: ${outcome}). ` +
          'Expected rank 0, or the launcher of node 0, to serve it there.',
      );
    }
    await sleep(delayMs);
  }
}

/** A text says why it is worth another try. */
function tryOnce(host: string, port: number, firstLine: string, timeoutMs: number): Promise<Dialled | string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true, keepAlive: true });
    let seen: Buffer = Buffer.alloc(0);
    const finish = (settle: () => void, keep = false) => {
      clearTimeout(timer);
      // Only ours: node's own listener ends the socket when the other side does.
      for (const event of ['error', 'close', 'connect', 'data']) socket.removeAllListeners(event);
      // Errors that come later must not be unhandled; `close` follows them.
      socket.on('error', () => undefined);
      if (!keep) socket.destroy();
      settle();
    };
    const again = (why: string) => finish(() => resolve(why));
    const fail = (error: RendezvousError) => finish(() => reject(error));
    const timer = setTimeout(() => again('no answer'), timeoutMs);
    socket.on('error', (error: NodeJS.ErrnoException) => again(error.code ?? error.message));
    socket.on('close', () => again('the connection ended before an answer'));
    socket.on('connect', () => socket.write(firstLine));
    socket.on('data', (chunk) => {
      seen = Buffer.concat([seen, chunk]);
      const end = seen.indexOf(10);
      if (end < 0 && seen.length <= maxFirstLineBytes) return;
      const line = seen.subarray(0, Math.max(0, end)).toString();
      if (line === 'ok' || line.startsWith('ok ')) {
        socket.pause();
        return finish(() => resolve({ socket, answer: line.slice(3), rest: seen.subarray(end + 1) }), true);
      }
      if (line.startsWith('error ')) {
        const hasLeft = line.startsWith(leftMark, 6);
        const why = line.slice(6 + (hasLeft ? leftMark.length : 0));
        return fail(
          new RendezvousError(
            hasLeft ? 'left' : 'refused',
            `The rendezvous store at ${endpointText(host, port)} refused: ${why}.${advice[why] ?? ''}`,
          ),
        );
      }
      fail(
        new RendezvousError('protocol', `What listens at ${endpointText(host, port)} is no rendezvous store of scmoe.`),
      );
    });
  });
}
