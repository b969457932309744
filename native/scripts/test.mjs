// Builds and runs the C++ unit tests (test/*_test.cc) and leaves their counts in test-results/. A test case is a TEST
// of test/check.h; a test program prints one line for each.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildFolder, compile, compileProblem } from './cmake.mjs';

const native = dirname(dirname(fileURLToPath(import.meta.url)));
const programs = readdirSync(join(native, 'test'))
  .filter((file) => file.endsWith('_test.cc'))
  .map((file) => basename(file, '.cc'));
const counts = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, failures: [] };

function run(program) {
  if (program.startsWith('comm_gloo_') && !existsSync(join(buildFolder, 'test', program))) {
    counts.numPendingTests += 1;
    console.log(`${program}\n  skipped: Gloo was not found`);
    if (process.env.SCMOE_REQUIRE_NATIVE === '1') process.exitCode = 1;
    return;
  }
  const { stdout, stderr, status, signal } = spawnSync(join(buildFolder, 'test', program), { encoding: 'utf8' });
  process.stdout.write(`${program}\n${stdout}${stderr}`);
  const lines = (word) => stdout.split('\n').filter((line) => line.startsWith(`  ${word} `)).length;
  const failed = lines('failed');
  counts.numPassedTests += lines('passed');
  counts.numPendingTests += lines('skipped');
  counts.numFailedTests += failed;
  if (status === 0) return;
  process.exitCode = 1;
  counts.failures.push(`${program}: ${signal ?? `status ${status}`}\n${stdout}${stderr}`);
  if (failed > 0) return;
  counts.numFailedTests += 1;
  console.log(`  failed ${program} ended with ${signal ?? `status ${status}`}`);
}

const problem = compileProblem();
if (problem) {
  console.log(`native tests: skipped, ${problem}.`);
  counts.numPendingTests = programs.length;
  if (process.env.SCMOE_REQUIRE_NATIVE === '1') process.exitCode = 1;
} else {
  await compile({ tests: true });
  programs.forEach(run);
}
mkdirSync(join(native, 'test-results'), { recursive: true });
writeFileSync(join(native, 'test-results', 'native.json'), JSON.stringify(counts));
