import { Worker } from 'node:worker_threads';

import { UserError } from '@scmoe/errors';
import { threadLimits } from '@scmoe/native/signatures';

import type { WorkerProgram } from '../builtProgram.js';
import type { RgbImage } from '../RgbImage.js';
import { PictureError } from './PictureError.js';
import type { NamedRecord, ReadPictureOptions } from './readPicture.js';

/** A picture to decode. */
export interface DecodeJob {
  id: number;
  record: NamedRecord;
}

/** What a thread says of it. */
export type DecodeAnswer = { id: number; image: RgbImage } | { id: number; failure: DecodeFailure };

/** What is left of an error between threads. */
interface DecodeFailure extends Pick<Error, 'name' | 'message' | 'stack'> {
  /** The picture and its problem, of a `PictureError`. */
  bad?: Pick<PictureError, 'picture' | 'problem'> | undefined;
}

interface Thread {
  worker: Worker;
  waiting: Map<number, { resolve: (image: RgbImage) => void; reject: (error: Error) => void }>;
}

/**
 * Threads that decode pictures and bring them to their size: sharp decodes in threads of its own, but resizing as Pillow does
 * is JavaScript, and takes most of the time of large pictures.
 */
export class DecodeWorkers {
  private readonly threads: Thread[];
  private ended: Error | undefined;
  private nextId = 0;

  constructor(options: ReadPictureOptions, { workers, program }: { workers: number; program: WorkerProgram }) {
    this.threads = Array.from({ length: workers }, () => this.start(options, program));
  }

  /** The same as `readPicture`, errors included. @throws UserError where the thread has ended */
  decode({ name, picture }: NamedRecord): Promise<RgbImage> {
    if (this.ended !== undefined) return Promise.reject(this.ended);
    const thread = this.threads.reduce((least, other) => (other.waiting.size < least.waiting.size ? other : least));
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      thread.waiting.set(id, { resolve, reject });
      thread.worker.postMessage({ id, record: { name, picture } } satisfies DecodeJob);
    });
  }

  /** Ends the threads; what they have not decoded yet fails. */
  async dispose(): Promise<void> {
    this.ended ??= new UserError('The threads that decode pictures are closed.');
    await Promise.all(this.threads.map(({ worker }) => worker.terminate()));
  }

  private start(options: ReadPictureOptions, { file, execArgv }: WorkerProgram): Thread {
    const worker = new Worker(file, { workerData: options, execArgv, resourceLimits: threadLimits });
    const thread: Thread = { worker, waiting: new Map() };
    worker.on('message', (answer: DecodeAnswer) => {
      const { resolve, reject } = thread.waiting.get(answer.id)!;
      thread.waiting.delete(answer.id);
      if ('image' in answer) resolve(answer.image);
      else reject(errorOf(answer.failure));
    });
    const end = (reason: string) => {
      this.ended ??= new UserError(`A thread that decodes pictures has ended: ${reason}.`);
      for (const { reject } of thread.waiting.values()) reject(this.ended);
      thread.waiting.clear();
    };
    worker.on('error', (error) => end(error.message)).on('exit', (code) => end(`exit code ${code}`));
    return thread;
  }
}

function errorOf({ name, message, stack, bad }: DecodeFailure): Error {
  if (bad) return new PictureError(bad.picture, bad.problem);
  return name === 'UserError' ? new UserError(message) : Object.assign(new Error(message), { name, stack });
}
