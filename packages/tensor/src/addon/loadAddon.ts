import { ScmoeError } from '@scmoe/errors';
import { callByName, findAddonFile, requireFrom, type Addon, type TensorFunctions } from '@scmoe/native/signatures';

import { addonFiles } from './addonFiles.js';
import { dryFunctions } from './dryFunctions.js';

/** The native addon's functions, which take their arguments by name, or why it can't be used. */
export type AddonResult =
  { addon: object; path: string; problem?: undefined } | { addon?: undefined; path: string; problem: string };

let result: AddonResult | undefined;
/** What takes the addon's place while nothing is to be computed. */
let dry: TensorFunctions | undefined;

/** Opens the native addon once per process. Never throws: `problem` says in one sentence what is missing and what to do. */
export function findAddon(): AddonResult {
  return (result ??= open());
}

/**
 * The addon's functions, which take their arguments by name; see native/signatures.
 *
 * @throws ScmoeError with the reason when the addon can't be used.
 */
export function loadAddon(): TensorFunctions {
  if (dry) return dry;
  const { addon, problem } = findAddon();
  if (!addon) throw new ScmoeError(`The scmoe backend is not available: ${problem}`);
  return addon as TensorFunctions;
}

/** Has the addon's kernels compute nothing from here on, or compute again. */
export function computeNothing(isDry: boolean): void {
  dry = undefined;
  if (isDry) dry = dryFunctions(loadAddon());
}

function open(): AddonResult {
  const chosen = process.env['SCMOE_ISA'];
  const { files, oneDnnIsa, problem } = addonFiles(process.arch, chosen);
  if (problem !== undefined) return { path: '', problem };
  sleepBetweenRegions();
  // oneDNN, which makes the products, reads this when it is loaded; what the user has set himself stays.
  const held = oneDnnIsa === undefined ? undefined : (process.env['DNNL_MAX_CPU_ISA'] ??= oneDnnIsa);
  const advice = chosen
    ? `for SCMOE_ISA=${chosen}; \`npm run build:variants\` in the repository makes it`
    : 'with a C++ compiler and CMake, `npm run build` in the repository makes it';
  const tried = files.map((file) =>
    findAddonFile({
      packageName: '@scmoe/tensor',
      file,
      moduleUrl: (import.meta as { url?: string }).url,
      what: 'native addon',
      advice,
    }),
  );
  const found = tried.filter((file) => file.problem === undefined).map(({ path }) => openFile(path, held));
  // The first problem is that of the file that should have been right.
  return found.find((result) => result.addon !== undefined) ?? found[0] ?? (tried[0] as AddonResult);
}

function openFile(path: string, oneDnnIsa: string | undefined): AddonResult {
  try {
    const addon = callByName<TensorFunctions>(requireFrom(path)(path) as Addon);
    // What a Worker writes to process.env stays there: no library reads it.
    if (oneDnnIsa !== undefined) addon.holdOneDnn({ isa: oneDnnIsa });
    const problem = addon.cpuProblem() || addon.gemmProblem();
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
