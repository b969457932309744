import { Worker } from 'node:worker_threads';

import { threadLimits } from '@scmoe/native/signatures';

const program = `
const { closeSync, openSync, readFileSync, writeSync } = require('node:fs');
const { workerData: { path, text, everyMs } } = require('node:worker_threads');
setInterval(() => {
  try {
    const handle = openSync(path, 'r+');
    try {
      if (readFileSync(handle, 'utf8') === text) writeSync(handle, text, 0);
    } finally {
      closeSync(handle);
    }
  } catch {}
}, everyMs);
`;

/**
 * Writes the same text into a file again and again, from a thread of its own: a step may keep the main one busy for
 * minutes. The file is opened each time: network file systems show others what was closed, and one that is held open for
 * writing keeps an administrator from making its file system read-only. The result ends it.
 *
 * @param text what the file holds; one that holds something else by now is another's, and is left alone
 */
export function startHeartbeat(path: string, text: string, everyMs: number): () => void {
  const worker = new Worker(program, {
    eval: true,
    execArgv: [],
    workerData: { path, text, everyMs },
    resourceLimits: threadLimits,
  });
  worker.unref();
  // Without one the run goes on: on this machine the process itself is the sign of life.
  worker.on('error', () => undefined);
  return () => void worker.terminate();
}
