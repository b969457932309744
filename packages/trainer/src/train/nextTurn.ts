/** A turn of the event loop: kernels are synchronous, so without it no signal or timer would ever be heard. */
export { setImmediate as nextTurn } from 'node:timers/promises';
