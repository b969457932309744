// Builds the addon and stages it where @scmoe/tensor looks for it. Without a compiler or CMake it says so in one line
// and succeeds: the packages then run on TF.js's own backends. SCMOE_REQUIRE_NATIVE=1 makes that an error.
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildFolder, compile, compileProblem } from './cmake.mjs';

const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const target = join(repository, 'packages', 'tensor', 'prebuilds', `${process.platform}-${process.arch}`);

const problem = compileProblem();
if (problem) {
  console.log(`native: not built, ${problem}; TF.js's own backends will be used.`);
  process.exit(process.env.SCMOE_REQUIRE_NATIVE === '1' ? 1 : 0);
}

compile();
mkdirSync(target, { recursive: true });
// Copied beside and renamed: a running process keeps the file it has mapped.
const staged = join(target, 'scmoe_tensor.node');
copyFileSync(join(buildFolder, 'Release', 'scmoe_native.node'), `${staged}.new`);
renameSync(`${staged}.new`, staged);
console.log(`native: staged ${staged}`);
