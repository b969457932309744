// A rank that runs every case of collectiveCases: node ... collectivesProgram.ts <engine>. Prints one line of JSON, or
// ends with an error that names the cases that went wrong. CHECK_SHARED_GPU=1: all ranks use the first GPU.
import { init } from '../init/init.js';
import type { EngineName } from '../communicator/Communicator.js';
import { collectiveCases, runCases } from './collectiveCases.js';
import { shareGpu } from './shareGpu.js';

if (process.env['CHECK_SHARED_GPU'] === '1') shareGpu();
const world = await init({ engine: process.argv[2] as EngineName, timeoutMs: 120_000 });
const { rank, size, engine } = world;
const wrong = await runCases([world]);
const group = (await world.split(rank % 2))!;
const [sum] = await group.allReduce(Int32Array.of(rank)).done;
const members = Array.from({ length: size }, (_, other) => other).filter((other) => other % 2 === rank % 2);
if (sum !== members.reduce((a, b) => a + b)) wrong.push(`split: the sum of ranks ${members.join(', ')} was ${sum}`);
await group.close();
await world.barrier().done;
await world.close();
if (wrong.length > 0) throw new Error(`rank ${rank} of ${size} over ${engine}: ${wrong.join('; ')}`);
process.stdout.write(`${JSON.stringify({ rank, size, engine, cases: collectiveCases.length })}\n`);
