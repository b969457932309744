import { Worker } from 'node:worker_threads';

import { builtFile, threadLimits } from '@scmoe/native/signatures';

import { RendezvousError, type RendezvousFailure } from './RendezvousError.js';
import { StoreServer, type StoreServerOptions } from './StoreServer.js';

export interface ServedStore {
  port: number;
  close(): Promise<void>;
}

/** What the worker says first. */
export type StoreWorkerAnswer = { port: number } | { failure: RendezvousFailure; message: string };

export interface StoreProgram {
  file: string;
  execArgv?: string[];
}

/**
 * A StoreServer on a thread of its own: the thread of the rank that serves it may be blocked in a collective, or in a
 * long computation, while the other ranks need an answer. The process may end while it is open.
 *
 * @param program what the thread runs; where there is none (source that was not built, a bundle), the store is on this thread
 * @throws RendezvousError as StoreServer.listen does
 */
export async function serveStore(
  options: StoreServerOptions,
  program: StoreProgram | undefined = builtProgram(),
): Promise<ServedStore> {
  if (program === undefined) return (await StoreServer.listen(options)).unref();
  const worker = new Worker(program.file, {
    workerData: options,
    execArgv: program.execArgv,
    resourceLimits: threadLimits,
  });
  const answer = await new Promise<StoreWorkerAnswer>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  if ('failure' in answer) {
    await worker.terminate();
    throw new RendezvousError(answer.failure, answer.message);
  }
  worker.on('error', () => undefined);
  worker.unref();
  return {
    port: answer.port,
    close: async () => {
      await worker.terminate();
    },
  };
}

function builtProgram(): StoreProgram | undefined {
  const file = builtFile('storeWorker.js', (import.meta as { url?: string }).url);
  return file === undefined ? undefined : { file };
}
