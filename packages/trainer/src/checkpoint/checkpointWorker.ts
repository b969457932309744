// The thread that openCheckpointWriter starts: writes snapshots. It knows no tensors, so that it starts quickly.
import { parentPort } from 'node:worker_threads';

import { type WriteAnswer, type WriteJob, writeSnapshot } from './writeSnapshot.js';

parentPort!.on('message', async (job: WriteJob) => {
  const answer: WriteAnswer = await writeSnapshot(job).then(
    (path) => ({ path }),
    (error: unknown) => {
      const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
      return { failure: { name, message, stack } };
    },
  );
  parentPort!.postMessage(answer);
});
