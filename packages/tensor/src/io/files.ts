/** Everything here that needs a file system, in one place: files.browser.ts stands for it in a browser. */
export { registerFileHandlers } from './fileHandlers.js';
export { readSafetensors } from './readSafetensors.js';
export { writeSafetensors, type WritableTensor } from './writeSafetensors.js';
