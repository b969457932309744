// The thread that openCheckpointWriter starts: writes snapshots. It knows no tensors, so that it starts quickly.
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';

import { type WriteAnswer, type WriteJob, writeSnapshot } from './writeSnapshot.js';

/** What is written beside training gives way to it wherever both want the same core. */
const lowPriority = 10;

parentPort!.on('message', (job: WriteJob) => {
  // On Linux 0 is this thread alone; elsewhere it would be the process.
  if (job.hurry && process.platform === 'linux') setPriority(0, lowPriority);
  const answer = writeSnapshot(job).then(
    (path): WriteAnswer => ({ path }),
    (error: unknown): WriteAnswer => {
      const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
      return { failure: { name, message, stack } };
    },
  );
  void answer.then((message) => parentPort!.postMessage(message));
});
