import type { Communicator } from '@scmoe/comm';
import { median, type CallCost } from '@scmoe/scheduler';

import { systemClock } from './systemClock.js';

const sizes = [4096, 262_144]; // numbers: 16 KiB and 1 MiB
const rounds = 3;

/** What an all-reduce costs over these ranks, by two sizes of it, each from a barrier on. A collective: all ranks call it. */
export async function measureAllReduce(world: Communicator): Promise<CallCost> {
  const times = sizes.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    sizes.forEach((size, i) => {
      const numbers = new Float32Array(size);
      world.barrier().wait();
      const begin = systemClock();
      world.allReduce(numbers).wait();
      if (round > 0) times[i]!.push(systemClock() - begin);
    });
  }
  const own = Float32Array.from(times, median);
  const all = await world.allGather(own).done;
  const slowest = sizes.map((_, i) =>
    Math.max(...Array.from({ length: world.size }, (__, rank) => all[rank * sizes.length + i]!)),
  ) as [number, number];
  const msPerByte = Math.max(0, slowest[1] - slowest[0]) / (4 * (sizes[1]! - sizes[0]!));
  return { alphaMs: Math.max(0, slowest[0] - 4 * sizes[0]! * msPerByte), msPerByte };
}
