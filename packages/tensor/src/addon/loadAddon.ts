import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Runtime {
  cpuProblem: () => string;
  oneDnnProblem: () => string;
}

export type AddonResult =
  { addon: object; path: string; problem?: undefined } | { addon?: undefined; path: string; problem: string };

let result: AddonResult | undefined;

/** Opens the native addon once per process. Never throws: `problem` says in one sentence what is missing and what to do. */
export function findAddon(): AddonResult {
  return (result ??= open());
}

/**
 * The addon's functions, as the caller declares them: each kernel file names the ones it uses, beside their use.
 *
 * @throws Error with the reason when the addon can't be used.
 */
export function loadAddon<Functions>(): Functions {
  const found = findAddon();
  if (!found.addon) throw new Error(`The scmoe backend is not available: ${found.problem}`);
  return found.addon as Functions;
}

function open(): AddonResult {
  // `src/addon/` and `dist/` sit at different depths under the package root: take the nearest folder that holds it.
  const name = join('prebuilds', `${process.platform}-${process.arch}`, 'scmoe_tensor.node');
  const here = dirname(fileURLToPath(import.meta.url));
  const candidates = [join(here, '..', name), join(here, '..', '..', name)];
  const path = candidates.find(existsSync) ?? candidates[0]!;
  if (!existsSync(path)) {
    return {
      path,
      problem: `there is no native addon for ${process.platform}-${process.arch}; with a C++ compiler, CMake and oneDNN, \`npm run build\` in the repository makes it`,
    };
  }
  sleepBetweenRegions();
  try {
    const addon = createRequire(import.meta.url)(path) as Runtime;
    const problem = addon.cpuProblem() || addon.oneDnnProblem();
    return problem ? { path, problem } : { addon, path };
  } catch (error) {
    return { path, problem: `the native addon could not be loaded: ${(error as Error).message}` };
  }
}

/**
 * OpenMP's threads wait for their next piece of work by spinning, for milliseconds by default: on a machine whose cores
 * are shared, small kernels then take ten times as long, and a communication thread loses its core. They spin for
 * microseconds here and then sleep. The library reads this once, when it is loaded; what the user has set stays.
 */
function sleepBetweenRegions(): void {
  if (process.env['OMP_WAIT_POLICY'] === undefined) process.env['GOMP_SPINCOUNT'] ??= '1000';
}
