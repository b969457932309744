import { openSync, readSync, writeSync } from 'node:fs';

/**
 * Turns on the cores that the ranks of a machine share while kernels are timed: a pipe that has as many bytes as there are cores. A
 * rank takes one and gives it back, as under make's job server.
 */
export class Turns {
  private readonly pipe: number;
  private readonly byte = Buffer.alloc(1);

  constructor(path: string) {
    this.pipe = openSync(path, 'r+');
  }

  /** Runs a kernel when it is its turn. */
  take<Result>(run: () => Result): Result {
    readSync(this.pipe, this.byte);
    try {
      return run();
    } finally {
      writeSync(this.pipe, this.byte);
    }
  }
}
