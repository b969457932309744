// The thread that openCheckpointWriter starts: writes snapshots. It knows no tensors, so that it starts quickly.
import { parentPort } from 'node:worker_threads';

import { type WriteAnswer, type WriteJob, writeSnapshot } from './writeSnapshot.js';

parentPort!.on('message', (job: WriteJob) => {
  const answer = writeSnapshot(job).then(
    (path): WriteAnswer => ({ path }),
    (error: unknown): WriteAnswer => {
      const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
      return { failure: { name, message, stack } };
    },
  );
  void answer.then((message) => parentPort!.postMessage(message));
});
