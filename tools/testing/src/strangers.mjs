// Connections by those who have no business here: port scanners, health probes, browsers, the curious.
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';

/** What a stranger says, and whether it stays. Without `says` it only connects. */
const kinds = [
  {},
  { stays: true },
  { says: () => randomBytes(300) },
  { says: () => 'GET /healthz HTTP/1.1\r\nHost: rank\r\n\r\n', stays: true },
  // The first word of a rank, and of who asks the store, and then nothing.
  { says: () => 'ScMoE', stays: true },
  { says: () => 'scmoe-store 1 ', stays: true },
  { says: () => 'scmoe-watch 1 guess world 0 2\n' },
  { says: () => 'ScMoEp1\n'.padEnd(116, '\0'), halfCloses: true, stays: true },
];

/**
 * Opens connections to addresses, of all kinds in turn.
 *
 * @param {{ host: string, port: number }[]} targets
 * @param {{ count: number }} options
 * @returns {{ opened: Promise<number>, close: () => void }} `opened`: how many came through, once each has or has not;
 *   `close` ends those that stay
 */
export function sendStrangers(targets, { count }) {
  const sockets = [];
  const each = Array.from({ length: count }, (_, i) => {
    const { says, stays, halfCloses } = kinds[i % kinds.length];
    const { host, port } = targets[Math.floor(i / kinds.length) % targets.length];
    return new Promise((resolve) => {
      const socket = connect({ host, port });
      sockets.push(socket);
      // To be turned away is what they came for.
      socket.on('error', () => resolve(false));
      socket.on('close', () => resolve(false));
      socket.on('data', () => undefined);
      socket.on('connect', () => {
        resolve(true);
        if (says !== undefined) socket.write(says());
        if (halfCloses) socket.end();
        if (!stays) setImmediate(() => socket.destroy());
      });
    });
  });
  const opened = Promise.all(each).then((all) => all.filter(Boolean).length);
  return { opened, close: () => sockets.forEach((socket) => socket.destroy()) };
}

/**
 * Where processes listen for TCP connections. Linux.
 *
 * @param {number[]} pids
 * @returns {{ host: string, port: number }[]}
 */
export function listeningAddresses(pids) {
  const inodes = new Set(pids.flatMap(socketsOf));
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, 'latin1')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === '0A' && inodes.has(inode))
      .map(([, local]) => parseAddress(local)),
  );
}

function socketsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        const match = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`));
        return match === null ? [] : [match[1]];
      } catch {
        return []; // Closed meanwhile.
      }
    });
  } catch {
    return []; // It has ended.
  }
}

/** `0100007F:1F90`: words of 4 bytes in the machine's order. */
function parseAddress(text) {
  const [address, port] = text.split(':');
  const bytes = Buffer.from(address, 'hex');
  for (let i = 0; i < bytes.length; i += 4) bytes.subarray(i, i + 4).reverse();
  const isAny = bytes.every((byte) => byte === 0);
  const words = Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  const [any, one] = bytes.length === 4 ? ['127.0.0.1', bytes.join('.')] : ['::1', words.join(':')];
  return { host: isAny ? any : one, port: Number.parseInt(port, 16) };
}
