import type { Socket } from 'node:net';

import { lineText } from './LineReader.js';
import type { WatchGroups } from './WatchGroups.js';
import { watchLines } from './watchLines.js';

/** Aborts that one rank may announce; it gives up once, so more is a fault. */
const maxAborts = 16;

/** Serves one rank of a group. The result takes what the socket reads; a text says why the rank can't join. */
export function serveWatch(
  socket: Socket,
  groups: WatchGroups,
  { group, rank, size, silenceMs }: { group: string; rank: number; size: number; silenceMs: number },
): ((chunk: Buffer) => void) | string {
  const membership = groups.join(group, rank, size, (line) => lines.send(line));
  if (typeof membership === 'string') return membership;
  let aborts = 0;
  const lines = watchLines(socket, {
    silenceMs,
    onDead: (why) => membership.die(why),
    onLine: (line) => {
      if (line === 'bye') {
        membership.leave();
        socket.end();
      } else if (line.startsWith('abort ') && ++aborts <= maxAborts) {
        membership.abort(lineText(line.slice('abort '.length)));
      } else {
        membership.die(`it sent a line that is not understood: ${lineText(line, 60)}`);
        socket.destroy();
      }
    },
  });
  socket.on('close', () => membership.die('its connection ended'));
  socket.write('ok\n');
  for (const notice of groups.notices(group)) lines.send(notice);
  return lines.receive;
}
