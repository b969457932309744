// productProgram.ts in a Worker, whose process.env no library reads.
import { Worker } from 'node:worker_threads';

new Worker(new URL('./productProgram.ts', import.meta.url));
