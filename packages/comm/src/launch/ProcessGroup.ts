import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';

import { groupExists } from './groupExists.js';
import { signalStatus, stopSignals } from './stopSignals.js';

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Why it did not even start. */
  error?: NodeJS.ErrnoException;
}

/** A process and all that it starts, in a session of their own, so that one signal reaches all of them. */
export class ProcessGroup {
  readonly #child: ChildProcess;
  /** The group's id; undefined where the process did not start. */
  readonly pid: number | undefined;
  readonly exited: Promise<Exit>;
  #exit: Exit | undefined;
  #gone = false;

  /** @param attached lets it write where this process writes, instead of to pipes */
  constructor(command: readonly [string, ...string[]], env: NodeJS.ProcessEnv, { attached = false } = {}) {
    const [file, ...args] = command;
    const output = attached ? 'inherit' : 'pipe';
    this.#child = spawn(file, args, { env, detached: true, stdio: ['ignore', output, output] });
    this.pid = this.#child.pid;
    this.exited = new Promise((resolve) => {
      const settle = (exit: Exit) => {
        this.#exit ??= exit;
        // Looked at while the number can't be anybody else's yet.
        this.#gone = this.pid === undefined || !groupExists(this.pid);
        resolve(this.#exit);
      };
      this.#child.once('error', (error: NodeJS.ErrnoException) => settle({ code: null, signal: null, error }));
      this.#child.once('exit', (code, signal) => settle({ code, signal }));
    });
  }

  /** What it prints; null where it is attached. */
  get out(): Readable | null {
    return this.#child.stdout;
  }

  get err(): Readable | null {
    return this.#child.stderr;
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Whether the process or something that it started is still there. */
  get alive(): boolean {
    if (!this.#gone && this.#exit !== undefined) this.#gone = this.pid === undefined || !groupExists(this.pid);
    return !this.#gone;
  }

  signal(name: NodeJS.Signals): void {
    if (this.pid === undefined || !this.alive) return;
    try {
      process.kill(-this.pid, name);
    } catch (error) {
      // It ended just now.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Stops reading: whoever still holds the other end gets a broken pipe. */
  release(): void {
    this.out?.destroy();
    this.err?.destroy();
  }
}

/** The exit status that a shell would give: 128 and the signal's number, 127 and 126 for what can't be run. */
export function exitStatus({ code, signal, error }: Exit): number {
  if (error !== undefined) return error.code === 'ENOENT' ? 127 : 126;
  return code ?? signalStatus(signal!);
}

/** The signal that told a process to end, where it says by its status that it has done so, and was not killed. */
export function toldBy({ code }: Exit): NodeJS.Signals | undefined {
  return stopSignals.find((signal) => signalStatus(signal) === code);
}

export function exitText({ code, signal, error }: Exit): string {
  if (error !== undefined) return error.code === 'ENOENT' ? 'the command was not found' : error.message;
  return code === null ? `killed by ${signal}` : `exit status ${code}`;
}
