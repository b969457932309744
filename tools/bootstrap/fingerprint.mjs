// One line that changes whenever the native build or a test on native kernels could come out differently: Nx hashes it
// into the cache key, so that a result from before a compiler was installed is not replayed after
// (docs/decisions.md#machine-in-cache-key).
import { existsSync, realpathSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { inspectMachine } from './machine.mjs';
import { testTensorFlow } from './tensorFlow.mjs';

const { compiler, cmake, oneDnn, gloo } = inspectMachine();
const parts = [process.platform, process.arch, process.version, cpus()[0]?.model, compiler, cmake];
const libraries = [oneDnn, gloo].map((library) => (library && existsSync(library) ? realpathSync(library) : library));
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const tensorFlow = process.env.SCMOE_TENSORFLOW || testTensorFlow(root);
console.log([...parts, ...libraries, tensorFlow].map((part) => part ?? 'none').join(' | '));
