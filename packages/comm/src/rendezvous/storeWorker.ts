// The thread that serveStore starts: a StoreServer with the options of `workerData`.
import { parentPort, workerData } from 'node:worker_threads';

import { RendezvousError } from './RendezvousError.js';
import type { StoreWorkerAnswer } from './serveStore.js';
import { StoreServer, type StoreServerOptions } from './StoreServer.js';

async function serve(): Promise<StoreWorkerAnswer> {
  try {
    return { port: (await StoreServer.listen(workerData as StoreServerOptions)).port };
  } catch (error) {
    if (!(error instanceof RendezvousError)) throw error;
    return { failure: error.failure, message: error.message };
  }
}

// No await at the top: this is built as CommonJS as well.
void serve().then((answer) => parentPort!.postMessage(answer));
