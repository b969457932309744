import { builtFile } from '@scmoe/native/signatures';

/** What a thread runs. */
export interface WorkerProgram {
  file: string;
  execArgv?: string[];
  /** A thread that makes no picture for so long hangs, or is gone without a word; 30,000 by default. */
  stallMs?: number;
}

/** A thread's program where this package is built; source and bundles have none, and do without threads. */
export function builtProgram(name: 'batchWorker' | 'decodeWorker'): WorkerProgram | undefined {
  const file = builtFile(`${name}.js`, (import.meta as { url?: string }).url);
  return file === undefined ? undefined : { file };
}
