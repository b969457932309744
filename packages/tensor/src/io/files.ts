/** Everything here that needs a file system, in one place: files.browser.ts stands for it in a browser. */
export { registerFileHandlers } from './fileHandlers.js';
export { lazilyMapped, type ElementRange, type LazilyMapped, type MappedNumbers } from './lazilyMapped.js';
export { openSafetensors, type ReadMemory, type SafetensorsFile } from './openSafetensors.js';
export { readSafetensors } from './readSafetensors.js';
export {
  layOutSafetensors,
  type DeferredTensor,
  type SafetensorsLayout,
  type WritableTensor,
} from './safetensorsLayout.js';
export { writeSafetensors } from './writeSafetensors.js';
