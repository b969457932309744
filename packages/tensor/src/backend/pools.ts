import { loadAddon } from '../addon/loadAddon.js';
import { BufferPool } from './BufferPool.js';

let pool: BufferPool | undefined;

/** The one pool of the process: TF.js may create and dispose the backend many times. */
export function sharedPool(): BufferPool {
  return (pool ??= new BufferPool((bytes) => loadAddon().allocate({ bytes }), { empty: emptyBuffer }));
}

/** Another one, whose buffers know where they go back to. */
export function poolApart(poolOf: WeakMap<ArrayBuffer, BufferPool>): BufferPool {
  const allocate = (bytes: number) => {
    const buffer = loadAddon().allocate({ bytes });
    poolOf.set(buffer, pool);
    return buffer;
  };
  const pool = new BufferPool(allocate, { empty: emptyBuffer });
  return pool;
}

/** Gives the memory of a buffer back to the system, which finds other memory when it is written again. */
export function emptyBuffer(buffer: ArrayBuffer): void {
  loadAddon().discard({ bytes: buffer.byteLength, memory: new Uint8Array(buffer) });
}
