// A rank that ends while the others wait for it, and whose process takes longer to go than theirs:
// node leavesSlowly.ts <rank that leaves>
import { init } from '../init/init.js';

const world = await init({ engine: 'gloo', timeoutMs: 120_000 });
world.allToAll(new Float32Array(world.size)).wait();
if (world.rank === Number(process.argv[2])) {
  // Behind the communicator's own listener: the others have been told when this begins.
  process.on('exit', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000));
  process.exit(3);
}
world.allToAll(new Float32Array(world.size)).wait();
