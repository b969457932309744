import type { Socket } from 'node:net';

import { formatDuration } from './formatDuration.js';
import { LineReader } from './LineReader.js';
import { maxWatchLineBytes } from './limits.js';
import { RendezvousError } from './RendezvousError.js';

/** A peer that doesn't read what it is told gets no more than this. */
const maxUnreadBytes = 2 ** 20;

/** Both ends of a watch connection: lines each way, a `ping` every second, silence counts as death. */
export function watchLines(
  socket: Socket,
  { silenceMs, onLine, onDead }: { silenceMs: number; onLine: (line: string) => void; onDead: (why: string) => void },
): { receive: (chunk: Buffer) => void; send: (line: string) => void; stop: () => void } {
  const reader = new LineReader(maxWatchLineBytes);
  const tickMs = Math.min(1000, Math.max(10, silenceMs / 4));
  // Counted in ticks of this process, not by the clock: who was stopped itself must not call the others dead.
  let silentTicks = 0;

  const stop = () => clearInterval(timer);
  const dead = (why: string) => {
    stop();
    onDead(why);
    socket.destroy();
  };
  const send = (line: string) => {
    if (socket.destroyed) return;
    socket.write(`${line}\n`);
    if (socket.writableLength > maxUnreadBytes) dead('it does not read what it is told');
  };
  const timer = setInterval(() => {
    if (++silentTicks * tickMs >= silenceMs) return dead(`no sign of life for ${formatDuration(silenceMs)}`);
    send('ping');
  }, tickMs);
  timer.unref();
  socket.on('close', stop);

  const receive = (chunk: Buffer) => {
    silentTicks = 0;
    try {
      for (const line of reader.push(chunk)) {
        if (socket.destroyed) return;
        if (line !== 'ping') onLine(line);
      }
    } catch (error) {
      if (!(error instanceof RendezvousError)) throw error;
      dead('it sent a line that is too long');
    }
  };
  return { receive, send, stop };
}
