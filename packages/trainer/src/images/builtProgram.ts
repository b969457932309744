import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What a thread runs. */
export interface WorkerProgram {
  file: string;
  execArgv?: string[];
  /** A thread that makes no picture for so long hangs, or is gone without a word; 30,000 by default. */
  stallMs?: number;
}

/** A thread's program where this package is built; source has none, and does without threads. */
export function builtProgram(name: 'batchWorker' | 'decodeWorker'): WorkerProgram | undefined {
  const file = join(dirname(fileURLToPath(import.meta.url)), `${name}.js`);
  return existsSync(file) ? { file } : undefined;
}
