// Builds the addon with cmake-js and stages it where @scmoe/tensor looks for it. Without a compiler or CMake it says so
// in one line and succeeds: the packages then run on TF.js's own backends. SCMOE_REQUIRE_NATIVE=1 makes that an error.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(here, '..', 'packages', 'tensor', 'prebuilds', `${process.platform}-${process.arch}`);

const works = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
const missing = [
  works(process.env.CXX ?? 'c++') ? undefined : 'a C++ compiler',
  works('cmake') ? undefined : 'CMake',
].filter(Boolean);

if (missing.length > 0) {
  console.log(`native: not built, ${missing.join(' and ')} not found; TF.js's own backends will be used.`);
  process.exit(process.env.SCMOE_REQUIRE_NATIVE === '1' ? 1 : 0);
}

const cmakeJs = join(dirname(createRequire(import.meta.url).resolve('cmake-js/package.json')), 'bin', 'cmake-js');
const result = spawnSync(
  process.execPath,
  [cmakeJs, 'compile', '--parallel', String(availableParallelism()), '--directory', here],
  { stdio: 'inherit', cwd: here },
);
if (result.status !== 0) process.exit(result.status ?? 1);

mkdirSync(target, { recursive: true });
// Copied beside and renamed: a running process keeps the file it has mapped.
const staged = join(target, 'scmoe_tensor.node');
copyFileSync(join(here, 'build', 'Release', 'scmoe_native.node'), `${staged}.new`);
renameSync(`${staged}.new`, staged);
