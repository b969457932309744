import { Worker } from 'node:worker_threads';

const program = `
const { writeSync } = require('node:fs');
const { workerData: { handle, text, everyMs } } = require('node:worker_threads');
setInterval(() => {
  try {
    writeSync(handle, text, 0);
  } catch {}
}, everyMs);
`;

/**
 * Writes the same text into an open file again and again, from a thread of its own: a step may keep the main one busy for
 * minutes. The result ends it.
 */
export function startHeartbeat(handle: number, text: string, everyMs: number): () => void {
  const worker = new Worker(program, { eval: true, execArgv: [], workerData: { handle, text, everyMs } });
  worker.unref();
  // Without one the run goes on: on this machine the process itself is the sign of life.
  worker.on('error', () => undefined);
  return () => void worker.terminate();
}
