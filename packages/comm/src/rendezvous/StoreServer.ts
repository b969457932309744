import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { endpointText } from '../place/addresses.js';
import { allowedSilenceMs } from './allowedSilenceMs.js';
import { KeyValues } from './KeyValues.js';
import { defaultLimits, maxFirstLineBytes, type StoreLimits } from './limits.js';
import { RendezvousError } from './RendezvousError.js';
import { serveKeyValues } from './serveKeyValues.js';
import { serveWatch } from './serveWatch.js';
import { findByToken, tokenDigest, tokenPattern } from './token.js';
import { WatchGroups } from './WatchGroups.js';
import { wrongTokensKey, wrongTokensText } from './wrongTokens.js';

/** Options of `StoreServer.listen`. */
export interface StoreServerOptions extends Partial<StoreLimits> {
  /** Address to listen on. Default `127.0.0.1`: reachable from this machine alone. */
  host?: string;
  /** Default 0: a free port. */
  port?: number;
  /** The secret that connections have to give: 1 to 256 visible ASCII characters. */
  token: string;
}

/** What one token opens: keys and groups of their own. */
interface Room {
  digest: Buffer;
  values: KeyValues;
  groups: WatchGroups;
  sockets: Set<Socket>;
}

type Receive = (chunk: Buffer) => void;

/**
 * The rendezvous store: keys with values that ranks find each other by, and connections by which they learn of each
 * other's death. A connection's first line says what it wants, `scmoe-store 1 <token>` (frames.ts) or
 * `scmoe-watch 1 <token> <group> <rank> <size>` (serveWatch.ts); the server answers `ok` or `error <why>` and closes.
 */
export class StoreServer {
  readonly #server: Server;
  readonly #limits: StoreLimits;
  readonly #rooms = new Map<string, Room>();
  readonly #sockets = new Set<Socket>();
  readonly #pending = new Set<Socket>();
  #referenced = true;
  #wrongTokens = 0;
  /** The port that it listens on. */
  readonly port: number;

  /**
   * Serves a store.
   *
   * @throws RendezvousError 'address' where the port is in use or the host isn't this machine, 'refused' for a token
   *   that can't be one
   */
  static async listen({ host = '127.0.0.1', port = 0, token, ...limits }: StoreServerOptions): Promise<StoreServer> {
    checkToken(token);
    const server = createServer({ noDelay: true, keepAlive: true });
    await listen(server, host, port).catch(async (error: NodeJS.ErrnoException) => {
      // A machine without IPv6 has no `::`, of which every IPv4 address is a part elsewhere.
      const isWithoutIpv6 = host === '::' && ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(error.code ?? '');
      if (!isWithoutIpv6) throw listenError(host, port, error);
      await listen(server, '0.0.0.0', port).catch((again: Error) => {
        throw listenError('0.0.0.0', port, again);
      });
    });
    const store = new StoreServer(server, { ...defaultLimits, ...definedOnly(limits) });
    store.openRoom(token);
    return store;
  }

  private constructor(server: Server, limits: StoreLimits) {
    this.#server = server;
    this.#limits = limits;
    this.port = (server.address() as AddressInfo).port;
    server.removeAllListeners('error');
    // Accepting can fail (no file descriptor left); those already connected go on.
    server.on('error', () => undefined);
    server.on('connection', (socket) => this.#accept(socket));
  }

  /** Admits a further token, with keys and groups of its own. */
  openRoom(token: string): void {
    checkToken(token);
    if (this.#rooms.has(token)) throw new RendezvousError('refused', 'This token has been admitted already.');
    this.#rooms.set(token, {
      digest: tokenDigest(token),
      values: new KeyValues(this.#limits),
      groups: new WatchGroups(),
      sockets: new Set(),
    });
  }

  /** Ends the connections of a token, and forgets its keys. */
  closeRoom(token: string): void {
    const room = this.#rooms.get(token);
    this.#rooms.delete(token);
    room?.sockets.forEach((socket) => socket.destroy());
  }

  /** The rank of a token's group that was the first to die or to give up, undefined where none has. */
  firstCause(token: string): number | undefined {
    return this.#rooms.get(token)?.groups.firstCause;
  }

  /** Lets the process end while the store is open. */
  unref(): this {
    this.#referenced = false;
    this.#server.unref();
    this.#sockets.forEach((socket) => socket.unref());
    return this;
  }

  /** Ends all connections and frees the port. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#sockets.forEach((socket) => socket.destroy());
    this.#rooms.clear();
    await closed;
  }

  #accept(socket: Socket): void {
    if (!this.#referenced) socket.unref();
    this.#sockets.add(socket);
    this.#pending.add(socket);
    // The oldest, not the newest: strangers who hold connections open can't keep ranks out.
    if (this.#pending.size > this.#limits.maxPendingConnections) this.#pending.values().next().value?.destroy();
    const deadline = setTimeout(() => refuse(socket, 'no token in time'), this.#limits.handshakeMs).unref();
    const settled = () => {
      clearTimeout(deadline);
      this.#pending.delete(socket);
    };
    socket.on('error', () => undefined);
    socket.on('close', () => {
      settled();
      this.#sockets.delete(socket);
    });

    let seen: Buffer = Buffer.alloc(0);
    let receive: Receive | undefined;
    socket.on('data', (chunk) => {
      if (receive !== undefined) return receive(chunk);
      if (socket.writableEnded) return;
      seen = Buffer.concat([seen, chunk]);
      const end = seen.indexOf(10);
      if (end > maxFirstLineBytes || (end < 0 && seen.length > maxFirstLineBytes)) {
        return refuse(socket, 'the first line is too long');
      }
      if (end < 0) return;
      settled();
      const answer = this.#open(socket, seen.subarray(0, end).toString('latin1'));
      if (typeof answer === 'string') return refuse(socket, answer);
      receive = answer;
      const rest = seen.subarray(end + 1);
      if (rest.length > 0) receive(rest);
    });
  }

  /** What takes the rest of the connection, or why there is none. */
  #open(socket: Socket, line: string): Receive | string {
    const [protocol, version, token, ...words] = line.split(' ');
    if (protocol !== 'scmoe-store' && protocol !== 'scmoe-watch') return 'this is a rendezvous store of scmoe';
    if (version !== '1') return 'expected version 1 of the protocol: use the same release of @scmoe/comm everywhere';
    const room = findByToken(this.#rooms.values(), token ?? '');
    if (room === undefined) {
      this.#note(socket);
      return 'wrong token';
    }
    if (this.#sockets.size - this.#pending.size > this.#limits.maxConnections) {
      return `more than ${this.#limits.maxConnections} connections`;
    }
    const receive =
      protocol === 'scmoe-store' ? this.#openStore(socket, room, words) : this.#openWatch(socket, room, words);
    if (typeof receive === 'function') {
      room.sockets.add(socket);
      socket.on('close', () => room.sockets.delete(socket));
    }
    return receive;
  }

  /** Leaves word for ranks that wait for one with another token: it may be the one that they miss. */
  #note(socket: Socket): void {
    this.#wrongTokens++;
    const text = wrongTokensText(this.#wrongTokens, socket.remoteAddress ?? 'an unknown address');
    for (const { values } of this.#rooms.values()) {
      try {
        values.set(wrongTokensKey, Buffer.from(text));
      } catch {
        // A store that is full tells of other troubles.
      }
    }
  }

  #openStore(socket: Socket, room: Room, words: string[]): Receive | string {
    if (words.length > 0) return 'expected scmoe-store 1 <token>';
    socket.write(`ok ${this.#limits.maxValueBytes}\n`);
    return serveKeyValues(socket, room.values, this.#limits.maxValueBytes);
  }

  #openWatch(socket: Socket, room: Room, words: string[]): Receive | string {
    const [group = '', rankText = '', sizeText = ''] = words;
    const [rank, size] = [wholeNumber(rankText), wholeNumber(sizeText)];
    if (words.length !== 3 || !tokenPattern.test(group) || !(rank < size)) {
      return 'expected scmoe-watch 1 <token> <group> <rank> <size> with 0 <= rank < size';
    }
    const silenceMs = this.#limits.silenceMs ?? allowedSilenceMs(socket.remoteAddress);
    return serveWatch(socket, room.groups, { group, rank, size, silenceMs });
  }
}

function refuse(socket: Socket, why: string): void {
  if (socket.destroyed || socket.writableEnded) return;
  socket.end(`error ${why}\n`);
  // `end` waits for the other side, which may never close.
  setTimeout(() => socket.destroy(), 1000).unref();
}

function wholeNumber(text: string): number {
  return /^\d{1,7}$/.test(text) ? Number(text) : NaN;
}

function checkToken(token: string): void {
  if (tokenPattern.test(token)) return;
  const got = typeof token === 'string' ? `${token.length} characters` : String(token);
  throw new RendezvousError('refused', `token: expected 1 to 256 visible ASCII characters without spaces, got ${got}.`);
}

/** An option that is given as undefined means its default. */
function definedOnly<Options extends object>(options: Options): Partial<Options> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<Options>;
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function listenError(host: string, port: number, error: NodeJS.ErrnoException): RendezvousError {
  const reasons: Record<string, string> = {
    EADDRINUSE: `port ${port} is in use by another process; choose another port or end that process`,
    EADDRNOTAVAIL: `${host} is not an address of this machine`,
    EACCES: `this user may not listen on port ${port}; choose one above 1023`,
    ENOTFOUND: `the name ${host} is not known`,
  };
  const reason = reasons[error.code ?? ''] ?? error.message;
  return new RendezvousError('address', `Can't serve the rendezvous store at ${endpointText(host, port)}: ${reason}.`, {
    cause: error,
  });
}
