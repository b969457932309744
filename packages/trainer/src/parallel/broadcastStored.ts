import type { Communicator } from '@scmoe/comm';

import type { StoredTensors } from '../checkpoint/loadCheckpoint.js';

/**
 * Hands stored float32 tensors, and anything that survives JSON beside them, from rank 0 to all ranks: the others need not
 * see its disk. Every rank calls it.
 *
 * @param own what rank 0 has; undefined on the others
 */
export async function broadcastStored<Beside>(
  own: { beside: Beside; tensors: StoredTensors } | undefined,
  world: Communicator,
): Promise<{ beside: Beside; tensors: StoredTensors }> {
  const shapes = own && Object.entries(own.tensors).map(([name, { shape }]) => ({ name, shape }));
  const text = own ? Buffer.from(JSON.stringify({ beside: own.beside, shapes })) : Buffer.alloc(0);
  const [length] = await world.broadcast(Int32Array.of(text.length)).done;
  const codes = own ? Int32Array.from(text) : new Int32Array(length!);
  const received = Buffer.from(await world.broadcast(codes).done);
  const head = JSON.parse(received.toString()) as { beside: Beside; shapes: { name: string; shape: number[] }[] };
  const tensors: [string, StoredTensors[string]][] = [];
  for (const { name, shape } of head.shapes) {
    const size = shape.reduce((product, n) => product * n, 1);
    const data = own ? (own.tensors[name]!.data as Float32Array) : new Float32Array(size);
    tensors.push([name, { dtype: 'F32', shape, data: size > 0 ? await world.broadcast(data).done : data }]);
  }
  return { beside: head.beside, tensors: Object.fromEntries(tensors) };
}
