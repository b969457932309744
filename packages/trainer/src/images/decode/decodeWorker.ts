// The thread that DecodeWorkers starts: decodes pictures and brings them to their size.
import { parentPort, workerData } from 'node:worker_threads';

import type { DecodeAnswer, DecodeJob } from './DecodeWorkers.js';
import { PictureError } from './PictureError.js';
import { readPicture, type ReadPictureOptions } from './readPicture.js';

const options = workerData as ReadPictureOptions;

parentPort!.on('message', ({ id, record }: DecodeJob) => {
  readPicture(record, options).then(
    ({ width, height, data }) => {
      // A copy, for memory that sharp has allocated can't be handed over.
      const own = new Uint8Array(data);
      parentPort!.postMessage({ id, image: { width, height, data: own } } satisfies DecodeAnswer, [own.buffer]);
    },
    (error: Error) => {
      const { name, message, stack } = error;
      const bad = error instanceof PictureError ? { picture: error.picture, problem: error.problem } : undefined;
      parentPort!.postMessage({ id, failure: { name, message, stack, bad } } satisfies DecodeAnswer);
    },
  );
});
