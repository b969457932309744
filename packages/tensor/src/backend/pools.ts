import { loadAddon } from '../addon/loadAddon.js';
import { BufferPool } from './BufferPool.js';

let pool: BufferPool | undefined;

/** The one pool of the process: TF.js may create and dispose the backend many times. */
export function sharedPool(): BufferPool {
  return (pool ??= new BufferPool((bytes) => loadAddon().allocate({ bytes })));
}

/** Another one, whose buffers know where they go back to. */
export function poolApart(poolOf: WeakMap<ArrayBuffer, BufferPool>): BufferPool {
  const pool = new BufferPool((bytes) => {
    const buffer = loadAddon().allocate({ bytes });
    poolOf.set(buffer, pool);
    return buffer;
  });
  return pool;
}
