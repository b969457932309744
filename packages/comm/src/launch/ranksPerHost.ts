import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** How many ranks a host has. `auto`: a rank for each GPU that this process may use, or else one for each core. */
export function ranksPerHost(env: NodeJS.ProcessEnv = process.env): number {
  const visible = env['CUDA_VISIBLE_DEVICES'];
  const gpus = Math.min(
    gpusHere(),
    visible === undefined ? Infinity : visible.split(',').filter((id) => id.trim()).length,
  );
  return gpus > 0 ? gpus : availableParallelism();
}

function gpusHere(): number {
  try {
    return readdirSync('/dev').filter((name) => /^nvidia\d+$/.test(name)).length;
  } catch {
    return 0;
  }
}
