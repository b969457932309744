// A rank whose link may be cut: node cutProgram.ts <time-out in ms> <elements>. Says when it is in the middle of an
// all-to-all, then, as JSON, what became of it.
import { CommError } from '../communicator/CommError.js';
import { init } from '../init/init.js';

const [timeoutMs, elements] = process.argv.slice(2).map(Number);
const say = (line: string) => process.stdout.write(`${line}\n`);

const world = await init({ engine: 'gloo', timeoutMs: timeoutMs! });
world.allToAll(new Float32Array(world.size)).wait();
const began = performance.now();
const work = world.allToAll(new Float32Array(elements!));
const state = () => world.flightRecord().entries.at(-1)!.state;
while (state() === 'queued' || state() === 'waiting for ranks');
say('moving data');
const error: unknown = await work.done.then(
  () => undefined,
  (caught: unknown) => caught,
);
const { code, message, ranks } = error instanceof CommError ? error : { code: String(error), message: '', ranks: [] };
say(JSON.stringify({ code, message, ranks, afterMs: performance.now() - began }));
await world.close();
