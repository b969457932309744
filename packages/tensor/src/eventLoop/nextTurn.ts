import { setImmediate } from 'node:timers/promises';

/**
 * A turn of the event loop. Kernels are synchronous and what is awaited between them is there at once, so without it a loop over
 * steps or tokens would never hear a signal, a timer or a connection.
 */
export function nextTurn(): Promise<void> {
  return setImmediate();
}
