// Builds the addons and stages them where @scmoe/tensor, @scmoe/comm and @scmoe/tensorflow look for them. Without a compiler or CMake it
// says so in one line and succeeds: the packages then run on TF.js's own backends, in one process. The same where only
// Gloo is missing: no ranks in several processes then. SCMOE_REQUIRE_NATIVE=1 makes either an error.
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildFolder, compile, compileGloo, compileNccl, compileProblem, compileTensorFlow } from './cmake.mjs';
import { stage, stagedAt } from './stage.mjs';

const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const isRequired = process.env.SCMOE_REQUIRE_NATIVE === '1';

const built = (name) => join(buildFolder, 'Release', name);

/** Beside their sources: tests of the packages look for them there, and nothing that is published does. */
function stageStandins() {
  const folder = join(repository, 'native', 'standin', 'prebuilds', `${process.platform}-${process.arch}`);
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(join(buildFolder, 'standin')).filter((file) => file.endsWith('.so'))) {
    copyFileSync(join(buildFolder, 'standin', name), join(folder, `${name}.new`));
    renameSync(join(folder, `${name}.new`), join(folder, name));
  }
}

const problem = compileProblem();
if (problem) {
  console.log(`native: not built, ${problem}; TF.js's own backends will be used.`);
  process.exit(isRequired ? 1 : 0);
}
await compile();
stage(built('scmoe_native.node'), stagedAt('tensor', 'scmoe_tensor.node'));

const lacking = compileNccl() ?? compileTensorFlow();
if (lacking) {
  console.error(`native: ${lacking}.`);
  process.exit(1);
}
stage(built('scmoe_tensorflow.node'), stagedAt('tensorflow', 'scmoe_tensorflow.node'));
stage(built('scmoe_comm_nccl.node'), stagedAt('comm', 'scmoe_comm_nccl.node'));
stageStandins();

const gloo = stagedAt('comm', 'scmoe_comm_gloo.node');
const glooProblem = compileGloo();
if (glooProblem) {
  rmSync(gloo, { force: true });
  console.log(`native: no Gloo engine, ${glooProblem}; there will be one rank only.`);
  process.exit(isRequired ? 1 : 0);
}
stage(built('scmoe_comm_gloo.node'), gloo);
