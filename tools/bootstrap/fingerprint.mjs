// One line that changes whenever the native build or a test on native kernels could come out differently: Nx hashes it
// into the cache key, so that a result from before a compiler was installed is not replayed after.
import { existsSync, realpathSync } from 'node:fs';
import { cpus } from 'node:os';

import { inspectMachine } from './machine.mjs';

const { compiler, cmake, oneDnn } = inspectMachine();
const parts = [process.platform, process.arch, process.version, cpus()[0]?.model, compiler, cmake];
console.log(
  [...parts, oneDnn && existsSync(oneDnn) ? realpathSync(oneDnn) : oneDnn].map((part) => part ?? 'none').join(' | '),
);
