// Builds the addons and stages them where @scmoe/tensor and @scmoe/comm look for them. Without a compiler or CMake it
// says so in one line and succeeds: the packages then run on TF.js's own backends, in one process. The same where only
// Gloo is missing: no ranks in several processes then. SCMOE_REQUIRE_NATIVE=1 makes either an error.
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildFolder, compile, compileGloo, compileProblem } from './cmake.mjs';

const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const isRequired = process.env.SCMOE_REQUIRE_NATIVE === '1';

const stagedAt = (packageName, addon) =>
  join(repository, 'packages', packageName, 'prebuilds', `${process.platform}-${process.arch}`, addon);

function stage(built, target) {
  mkdirSync(dirname(target), { recursive: true });
  // Copied beside and renamed: a running process keeps the file it has mapped.
  copyFileSync(join(buildFolder, 'Release', built), `${target}.new`);
  renameSync(`${target}.new`, target);
  console.log(`native: staged ${target}`);
}

const problem = compileProblem();
if (problem) {
  console.log(`native: not built, ${problem}; TF.js's own backends will be used.`);
  process.exit(isRequired ? 1 : 0);
}
compile();
stage('scmoe_native.node', stagedAt('tensor', 'scmoe_tensor.node'));

const gloo = stagedAt('comm', 'scmoe_comm_gloo.node');
const glooProblem = compileGloo();
if (glooProblem) {
  rmSync(gloo, { force: true });
  console.log(`native: no Gloo engine, ${glooProblem}; there will be one rank only.`);
  process.exit(isRequired ? 1 : 0);
}
stage('scmoe_comm_gloo.node', gloo);
