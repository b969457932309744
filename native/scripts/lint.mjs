// Runs clang-format and clang-tidy over all native sources, by .clang-format and .clang-tidy. Where one is missing, it says
// so in a line and goes on without; in CI it tries to install them first. SCMOE_REQUIRE_LINT=1 makes that an error.
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { installSystemPackages } from '../../tools/bootstrap/systemPackages.mjs';
import { asTheyCame } from './asTheyCame.mjs';
import { compileProblem, configure } from './cmake.mjs';
import { tidy } from './tidy.mjs';

const native = dirname(dirname(fileURLToPath(import.meta.url)));
const output = (command, ...args) => spawnSync(command, args, { cwd: native, encoding: 'utf8' });
const works = (command) => output(command, '--version').status === 0;

const tools = { 'clang-format': 'clangFormat', 'clang-tidy': 'clangTidy' };
const missing = () => Object.keys(tools).filter((tool) => !works(tool));
const advice =
  process.env.CI === 'true' && missing().length > 0 ? installSystemPackages(missing().map((tool) => tools[tool])) : '';

/** Says why a tool does not run. */
function skip(tool, reason) {
  console.log(`native lint: ${tool} skipped, ${reason}.`);
  if (process.env.SCMOE_REQUIRE_LINT === '1') process.exitCode = 1;
}
const notFound = (tool) => skip(tool, `it was not found${advice ? `; ${advice}` : ''}`);

const changed = asTheyCame(native);
for (const complaint of changed) console.error(complaint);
if (changed.length > 0) process.exitCode = 1;
const own = (file) => !file.startsWith('third_party/');
const sources = output('git', 'ls-files', '*.cc', '*.h').stdout.trim().split('\n').filter(own);
if (works('clang-format')) {
  const { status } = spawnSync('clang-format', ['--dry-run', '--Werror', ...sources], {
    cwd: native,
    stdio: 'inherit',
  });
  if (status === 0) console.log(`native lint: ${sources.length} files are formatted.`);
  else process.exitCode = 1;
} else {
  notFound('clang-format');
}

const problem = compileProblem();
if (!works('clang-tidy')) {
  notFound('clang-tidy');
} else if (problem) {
  skip('clang-tidy', problem);
} else if (!(await configure({ tests: true }))) {
  process.exitCode = 1;
} else {
  const { files, looked, complaints } = await tidy(
    native,
    sources.filter((file) => file.endsWith('.h')),
  );
  for (const complaint of complaints) console.error(complaint);
  if (complaints.length > 0) process.exitCode = 1;
  // GCC has its own beside it, which clang does not look at.
  if (complaints.some((complaint) => complaint.includes("'omp.h' file not found")))
    console.error('native lint: clang-tidy finds no omp.h; on Debian and Ubuntu it is in libomp-dev.');
  console.log(
    `native lint: clang-tidy found ${complaints.length} of ${files} files wanting; ${files - looked} had not changed.`,
  );
}
