// What this machine has of what the native code needs: a C++ compiler, CMake, make, oneDNN, and Gloo for several ranks.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const minimumNode = [20, 19];
const minimumCmake = [3, 20];

/** The first line that `command --version` prints, or undefined where there is no such command. */
function versionOf(command, argument = '--version') {
  const { status, stdout } = spawnSync(command, [argument], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n', 1)[0].trim() : undefined;
}

function numbersOf(text) {
  const match = /(\d+)\.(\d+)/.exec(text ?? '');
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

function isAtLeast(version, minimum) {
  if (!version) return false;
  return version[0] !== minimum[0] ? version[0] > minimum[0] : version[1] >= minimum[1];
}

/** One sentence where Node itself is too old, else undefined. */
export function nodeProblem(version = process.versions.node) {
  if (isAtLeast(numbersOf(version), minimumNode)) return undefined;
  return `Node ${minimumNode.join('.')} or newer is needed, this is ${version}: see https://nodejs.org/en/download`;
}

/** Path of the oneDNN library that the addon will open, or undefined. The addon has the last word: it dlopens it. */
export function findOneDnn(env = process.env) {
  const named = env.SCMOE_ONEDNN_LIB;
  if (named) return !named.includes('/') || existsSync(named) ? named : undefined;
  for (const ldconfig of ['/sbin/ldconfig', 'ldconfig']) {
    const { stdout } = spawnSync(ldconfig, ['-p'], { encoding: 'utf8' });
    const known = /libdnnl\.so(?:\.[23])? .*=> (\S+)/.exec(stdout ?? '');
    if (known) return known[1];
  }
  // musl has no ldconfig -p; LD_LIBRARY_PATH is not in its list either.
  const folders = [...(env.LD_LIBRARY_PATH ?? '').split(':'), '/usr/local/lib', '/usr/lib', '/usr/lib64'].filter(
    Boolean,
  );
  for (const folder of folders) {
    if (!existsSync(folder)) continue;
    const name = readdirSync(folder).find((file) => /^libdnnl\.so(\.[23])?$/.test(file));
    if (name) return join(folder, name);
  }
  return undefined;
}

/** Path of the Gloo library, where its headers are there as well, or undefined. CMake has the last word. */
export function findGloo() {
  const prefixes = ['/usr/local', '/usr'];
  if (!prefixes.some((prefix) => existsSync(join(prefix, 'include', 'gloo', 'config.h')))) return undefined;
  const folders = ['lib', 'lib64', `lib/${{ x64: 'x86_64', arm64: 'aarch64' }[process.arch]}-linux-gnu`];
  return prefixes
    .flatMap((prefix) => folders.map((folder) => join(prefix, folder, 'libgloo.so')))
    .find((library) => existsSync(library));
}

/**
 * @returns {{ compiler?: string, cmake?: string, make?: string, oneDnn?: string, gloo?: string }} version lines and the libraries'
 *   paths; undefined where a part is missing or too old.
 */
export function inspectMachine(env = process.env) {
  const cmake = versionOf('cmake');
  return {
    compiler: versionOf(env.CXX || 'c++'),
    cmake: isAtLeast(numbersOf(cmake), minimumCmake) ? cmake : undefined,
    make: versionOf('make') ?? versionOf('ninja'),
    oneDnn: findOneDnn(env),
    gloo: findGloo(),
  };
}

const wordsOfMissing = (parts) => parts.filter(([found]) => !found).map(([, ...rest]) => rest);

/** The parts that are missing, in words, in the order in which one would install them. */
export function missingParts(machine) {
  return wordsOfMissing([
    [machine.compiler, 'compiler', 'a C++ compiler'],
    [machine.cmake, 'cmake', `CMake ${minimumCmake.join('.')} or newer`],
    [machine.make, 'make', 'make'],
  ]).map(([part, words]) => ({ part, words }));
}

/** What is missing without which less is there, in words, and what is then not. */
export function missingExtras(machine) {
  return wordsOfMissing([
    [machine.oneDnn, 'oneDnn', 'the oneDNN library', 'has no bf16, and products for AVX2 alone'],
    [machine.gloo, 'gloo', 'the Gloo library', 'runs as one process'],
  ]).map(([part, words, without]) => ({ part, words, without }));
}
