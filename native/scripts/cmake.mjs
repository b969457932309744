// The one way in which this folder is compiled: by cmake-js, which knows where Node's headers are.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { generate } from './generate.mjs';

const native = dirname(dirname(fileURLToPath(import.meta.url)));
export const buildFolder = join(native, 'build');
const sanitizedFolder = join(buildFolder, 'sanitized');

const works = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

/** Why the native code can't be compiled here, or undefined. */
export function compileProblem() {
  if (process.platform !== 'linux') return `the native kernels build on Linux only, this is ${process.platform}`;
  const missing = [
    works(process.env.CXX || 'c++') ? undefined : 'a C++ compiler',
    works('cmake') ? undefined : 'CMake',
    works('make') || works('ninja') ? undefined : 'make',
  ].filter(Boolean);
  return missing.length > 0 ? `${missing.join(' and ')} not found` : undefined;
}

/** @param {string} folder where to build @param {string[]} args what to do */
function cmakeJs(folder, ...args) {
  const script = join(dirname(createRequire(import.meta.url).resolve('cmake-js/package.json')), 'bin', 'cmake-js');
  const options = ['--log-level', 'error', '--directory', native, '--out', folder];
  return spawnSync(process.execPath, [script, ...args, ...options], { stdio: 'inherit', cwd: native }).status === 0;
}

/**
 * Writes the generated headers and configures, each time (a second): a changed signature, SCMOE_MARCH or compiler
 * counts. A folder that was configured under another path or by another CMake is given up for a new one.
 *
 * @param {{ tests?: boolean }} options `tests`: the unit tests as well
 * @returns whether that worked
 */
export async function configure({ tests = false } = {}) {
  const run = async () => {
    await generate(buildFolder);
    return cmakeJs(buildFolder, 'configure', `--CDSCMOE_NATIVE_TESTS=${tests ? 'ON' : 'OFF'}`);
  };
  if (await run()) return true;
  rmSync(buildFolder, { recursive: true, force: true });
  return run();
}

/**
 * Configures and builds; ends the process with a failure where that does not work.
 *
 * @param {{ tests?: boolean }} options `tests`: everything there is, the unit tests as well; else the tensor addon alone
 */
export async function compile({ tests = false } = {}) {
  if ((await configure({ tests })) && (tests ? build() : build('scmoe_native'))) return;
  console.error('native: the build failed; the compiler says why above.');
  process.exit(1);
}

function build(target) {
  const only = target === undefined ? [] : ['--target', target];
  return cmakeJs(buildFolder, 'build', ...only, '--parallel', String(availableParallelism()));
}

/**
 * Builds the tensor addon for AddressSanitizer, in a folder of its own.
 *
 * @returns {Promise<string>} its path
 * @throws Error where that does not work
 */
export async function compileSanitized() {
  await generate(sanitizedFolder);
  const options = ['--target', 'scmoe_native', '--parallel', String(availableParallelism())];
  if (cmakeJs(sanitizedFolder, 'configure', '--CDSCMOE_SANITIZE=ON') && cmakeJs(sanitizedFolder, 'build', ...options))
    return join(sanitizedFolder, 'Release', 'scmoe_native.node');
  throw new Error('the addon did not compile for AddressSanitizer; the compiler says why above');
}

/**
 * Builds the tensor addon for an instruction set, in a folder of its own.
 *
 * @param {string} name the folder's
 * @param {string} march what SCMOE_MARCH says elsewhere
 * @param {string[]} definitions further ones of CMake's, as `CDCMAKE_CXX_COMPILER=...`
 * @returns {Promise<string>} its path
 * @throws Error where that does not work
 */
export async function compileVariant(name, march, definitions = []) {
  const folder = join(buildFolder, name);
  await generate(folder);
  const configured = cmakeJs(
    folder,
    'configure',
    `--CDSCMOE_MARCH=${march}`,
    ...definitions.map((each) => `--${each}`),
  );
  const options = ['--target', 'scmoe_native', '--parallel', String(availableParallelism())];
  if (configured && cmakeJs(folder, 'build', ...options)) return join(folder, 'Release', 'scmoe_native.node');
  throw new Error(`the addon did not compile for ${name} (-march=${march}); the compiler says why above`);
}

/**
 * Builds the tensor addon and the unit tests for 64-bit ARM with a cross compiler, in a folder of their own.
 *
 * @returns {Promise<{ addon: string, tests: string }>} the addon, and the tests' folder
 * @throws Error where that does not work
 */
export async function compileForArm64() {
  const folder = join(buildFolder, 'arm64');
  const definitions = [`CDCMAKE_TOOLCHAIN_FILE=${join(native, 'scripts', 'arm64.cmake')}`, 'CDSCMOE_NATIVE_TESTS=ON'];
  const addon = await compileVariant('arm64', 'armv8-a', definitions);
  if (cmakeJs(folder, 'build', '--parallel', String(availableParallelism())))
    return { addon, tests: join(folder, 'test') };
  throw new Error('the unit tests did not compile for 64-bit ARM; the compiler says why above');
}

/**
 * Builds the addon of the NCCL engine, which needs nothing, and what stands in for NCCL and CUDA in tests; after `compile`.
 *
 * @returns why that does not work, or undefined
 */
export function compileNccl() {
  if (build('scmoe_comm_nccl') && build('scmoe_standins')) return undefined;
  return 'the NCCL engine did not compile; the compiler says why above';
}

/**
 * Builds the addon that opens TensorFlow, which needs nothing; after `compile`.
 *
 * @returns why that does not work, or undefined
 */
export function compileTensorFlow() {
  return build('scmoe_tensorflow') ? undefined : 'the TensorFlow addon did not compile; the compiler says why above';
}

/**
 * Builds the addon of the Gloo engine, after `compile`.
 *
 * @returns why it can't be built here, or undefined
 */
export function compileGloo() {
  const cache = readFileSync(join(buildFolder, 'CMakeCache.txt'), 'utf8');
  const found = (name) => new RegExp(`^${name}:\\w+=.*(?<!-NOTFOUND)$`, 'm').test(cache);
  if (!found('GLOO_LIBRARY') || !found('GLOO_INCLUDE')) return 'the Gloo library and its headers were not found';
  return build('scmoe_comm_gloo') ? undefined : 'the Gloo engine did not compile; the compiler says why above';
}
