// One line that changes whenever the native build or a test on native kernels could come out differently: Nx hashes it
// into the cache key, so that a result from before a compiler was installed is not replayed after
// (docs/decisions.md#machine-in-cache-key).
import { existsSync, realpathSync } from 'node:fs';
import { cpus } from 'node:os';

import { inspectMachine } from './machine.mjs';

const { compiler, cmake, oneDnn, gloo } = inspectMachine();
const parts = [process.platform, process.arch, process.version, cpus()[0]?.model, compiler, cmake];
const libraries = [oneDnn, gloo].map((library) => (library && existsSync(library) ? realpathSync(library) : library));
console.log([...parts, ...libraries].map((part) => part ?? 'none').join(' | '));
