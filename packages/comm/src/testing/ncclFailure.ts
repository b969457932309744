// A rank over NCCL that expects to fail, in init or in an all-reduce: says as JSON how.
import { CommError } from '../communicator/CommError.js';
import { init } from '../init/init.js';

try {
  const world = await init({ engine: 'nccl', timeoutMs: 120_000, silenceMs: 60_000 });
  await world.allReduce(new Float32Array(8)).done;
  await world.barrier().done;
} catch (error) {
  if (!(error instanceof CommError)) throw error;
  process.stdout.write(`${JSON.stringify({ code: error.code, message: error.message })}\n`);
}
