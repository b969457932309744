import { loadAddon } from '../addon/loadAddon.js';
import { BufferPool } from './BufferPool.js';

let pool: BufferPool | undefined;

/** The one pool of the process: TF.js may create and dispose the backend many times. */
export function sharedPool(): BufferPool {
  return (pool ??= new BufferPool((bytes) => loadAddon().allocate({ bytes })));
}
