// The thread that BatchWorkers starts: makes the pixels of batches. It knows no tensors, so that it starts quickly.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';

import { openPixels, type PixelReader } from '../PixelStore.js';
import { renderBatch } from './renderBatch.js';
import { slotState, type WorkerFailure, type WorkerJob, type WorkerStart } from './workerMessages.js';

const { settings, control, beat, slots, failures } = workerData as WorkerStart & { failures: MessagePort };
const { height, width } = settings.source.size;
const states = new Int32Array(control);
let reader: PixelReader | undefined;

parentPort!.on('message', ({ slot, plan }: WorkerJob) => {
  let state: number = slotState.done;
  try {
    reader ??= openPixels(settings.source.pixels, height * width * 3);
    const output = new Float32Array(slots[slot]!);
    renderBatch(plan, settings, { reader, output, onPicture: () => Atomics.add(states, beat, 1) });
  } catch (error) {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    failures.postMessage({ slot, name, message, stack } satisfies WorkerFailure);
    state = slotState.failed;
  }
  Atomics.store(states, slot, state);
  Atomics.notify(states, slot);
});
