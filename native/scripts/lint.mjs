// Runs clang-format and clang-tidy over all native sources, by .clang-format and .clang-tidy. In CI it installs them
// first; elsewhere, where they are missing, it says so and succeeds.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { installSystemPackages } from '../../tools/bootstrap/systemPackages.mjs';
import { buildFolder, compileProblem, configure } from './cmake.mjs';

const native = dirname(dirname(fileURLToPath(import.meta.url)));
const isCi = process.env.CI === 'true';

const output = (command, ...args) => spawnSync(command, args, { cwd: native, encoding: 'utf8' });
const works = (command) => output(command, '--version').status === 0;
const lacks = () => [...(works('clang-format') ? [] : ['clangFormat']), ...(works('clang-tidy') ? [] : ['clangTidy'])];

/** Ends here where the tools are missing. */
function findTools() {
  const problem = compileProblem();
  const missing = problem ? [] : lacks();
  const advice = missing.length > 0 && isCi ? installSystemPackages(missing) : undefined;
  const left = problem ? [problem] : lacks().map((part) => `${part} not found`);
  if (left.length === 0) return;
  console.log(`native lint: skipped, ${left.join(' and ')}${advice ? `; ${advice}` : ''}.`);
  process.exit(isCi ? 1 : 0);
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: native, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}

findTools();
const sources = output('git', 'ls-files', '*.cc', '*.h').stdout.trim().split('\n');
run('clang-format', ['--dry-run', '--Werror', ...sources]);

// Looking into all sources takes minutes: continuous integration has them formatted, and leaves the rest to `npm run lint:native`.
if (process.env.SCMOE_CLANG_TIDY === '0') process.exit(process.exitCode ?? 0);
if (!(await configure({ tests: true }))) process.exit(1);
const commands = JSON.parse(readFileSync(join(buildFolder, 'compile_commands.json'), 'utf8'));
// The same sources are compiled into several addons: each is looked at once. Stand-ins are tests' tools.
const files = [...new Set(commands.map(({ file }) => file))].filter(
  (file) => file.startsWith(join(native, '/')) && !file.includes('/standin/'),
);
run('run-clang-tidy', [
  `-j${availableParallelism()}`,
  '-quiet',
  '-p',
  buildFolder,
  ...files.map((file) => `^${file}$`),
]);
if (!process.exitCode) console.log(`native lint: ${sources.length} files formatted, ${files.length} checked.`);
