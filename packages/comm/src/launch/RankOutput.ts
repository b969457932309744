import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

import { LineSplitter } from './LineSplitter.js';
import { prefix, showsColour } from './prefix.js';
import type { Terminal } from './Terminal.js';

const tailLines = 20;
/** What is kept of a line in the tail; the whole line has been printed before. */
const maxTailLineBytes = 2000;

/** Takes what one rank prints: lines with the rank's prefix to the terminal, bytes to files, the last lines to memory. */
export class RankOutput {
  readonly #rank: number;
  readonly #terminal: Terminal;
  readonly #logFolder: string | undefined;
  readonly #tail: string[] = [];
  #ended: Promise<unknown>[] = [];

  constructor(rank: number, terminal: Terminal, logFolder: string | undefined) {
    this.#rank = rank;
    this.#terminal = terminal;
    this.#logFolder = logFolder;
  }

  /** The last lines of both streams, in the order in which they came. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  attach(out: Readable, err: Readable): void {
    this.#ended = [
      this.#follow(out, this.#terminal.out, this.#openLog('out')),
      this.#follow(err, this.#terminal.err, this.#openLog('err')),
    ];
  }

  /** Resolves when everything has been read and handed on. */
  async ended(): Promise<void> {
    await Promise.all(this.#ended);
  }

  #follow(from: Readable, to: Writable & { isTTY?: boolean }, log: WriteStream | undefined): Promise<void> {
    const lead = prefix(this.#rank, showsColour(to));
    const lines = new LineSplitter((line) => {
      this.#remember(line);
      // One write a line: what ranks print at the same time does not mix inside of lines.
      to.write(Buffer.concat([Buffer.from(lead), line, Buffer.from('\n')]));
    });
    // The slowest of terminal and disk sets the pace; the rank waits in its own write.
    const pace = (stream: Writable) => {
      if (!stream.writableNeedDrain || stream.destroyed) return;
      from.pause();
      const go = () => {
        stream.off('drain', go).off('close', go).off('error', go);
        from.resume();
      };
      stream.on('drain', go).on('close', go).on('error', go);
    };
    // Its reader is gone: the rank finds a closed pipe in its turn, to end or to go on as it would by itself.
    const onError = ({ code }: NodeJS.ErrnoException) => {
      if (code === 'EPIPE' && log === undefined) from.destroy();
    };
    to.on('error', onError);
    from.on('data', (chunk: Buffer) => {
      lines.push(chunk);
      pace(to);
      if (log === undefined || log.destroyed) return;
      log.write(chunk);
      pace(log);
    });
    return new Promise((resolve) => {
      from.once('close', () => {
        lines.flush();
        to.off('error', onError);
        if (log === undefined || log.destroyed) resolve();
        else log.end(() => resolve());
      });
    });
  }

  #openLog(stream: 'out' | 'err'): WriteStream | undefined {
    if (this.#logFolder === undefined) return undefined;
    const path = join(this.#logFolder, `rank-${this.#rank}.${stream}.log`);
    const log = createWriteStream(path, { flags: 'a' });
    log.on('error', (error) => {
      log.destroy();
      // Training goes on: its output is on the terminal as well.
      this.#terminal.err.write(`scmoe: can't write ${path}: ${error.message}\n`);
    });
    return log;
  }

  #remember(line: Buffer): void {
    this.#tail.push(line.subarray(0, maxTailLineBytes).toString());
    if (this.#tail.length > tailLines) this.#tail.shift();
  }
}
