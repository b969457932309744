import { allowedSilenceMs } from './allowedSilenceMs.js';
import { dial, type Dialled, type StoreAddress } from './dial.js';
import { lineText } from './LineReader.js';
import { watchLines } from './watchLines.js';

/** What a member of a group learns of the others. */
export interface Notice {
  kind: 'dead' | 'abort' | 'lost';
  /** Who; undefined where the connection to the store itself was lost. */
  rank: number | undefined;
  text: string;
}

export interface WatchClientOptions extends StoreAddress {
  group: string;
  rank: number;
  size: number;
  timeoutMs: number;
  silenceMs?: number;
  /** Hears of every notice, those of the time before this one joined included. */
  onNotice: (notice: Notice) => void;
}

/** Membership of a group at a `StoreServer`: while it lasts, each member learns of the others' death. */
export class WatchClient {
  readonly #dialled: Dialled;
  readonly #lines: ReturnType<typeof watchLines>;
  #left = false;

  /** Joins a watch. @throws RendezvousError as `dial` does, 'refused' also for a rank that is there already, 'left' for one that has been */
  static async join({
    host,
    port,
    token,
    group,
    rank,
    size,
    timeoutMs,
    ...rest
  }: WatchClientOptions): Promise<WatchClient> {
    const words = [group, rank, size];
    const dialled = await dial({ host, port, token }, { protocol: 'scmoe-watch', words, timeoutMs });
    return new WatchClient(dialled, rest);
  }

  private constructor(
    dialled: Dialled,
    {
      onNotice,
      silenceMs = allowedSilenceMs(dialled.socket.remoteAddress),
    }: Pick<WatchClientOptions, 'onNotice' | 'silenceMs'>,
  ) {
    this.#dialled = dialled;
    const { socket, rest } = dialled;
    const lost = (text: string) => {
      if (this.#left) return;
      this.#left = true;
      onNotice({ kind: 'lost', rank: undefined, text });
    };
    this.#lines = watchLines(socket, {
      silenceMs,
      onDead: lost,
      onLine: (line) => {
        const match = /^(dead|abort) (\d+) ?(.*)$/.exec(line);
        if (match !== null) onNotice({ kind: match[1] as 'dead' | 'abort', rank: Number(match[2]), text: match[3]! });
      },
    });
    socket.on('close', () => lost('the connection to the rendezvous store ended'));
    socket.on('data', this.#lines.receive);
    socket.resume();
    if (rest.length > 0) this.#lines.receive(rest);
  }

  /** Tells the others that this one gives up, and why. */
  abort(text: string): void {
    this.#lines.send(`abort ${lineText(text)}`);
  }

  /** Leaves without the others being told of a death. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#lines.stop();
    const { socket } = this.#dialled;
    if (!socket.destroyed) socket.end('bye\n');
    setTimeout(() => socket.destroy(), 1000).unref();
  }
}
