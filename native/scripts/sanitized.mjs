// The tensor addon compiled for AddressSanitizer, and how Node is started with it: whatever reads or writes outside of an
// array ends the process with a report. Linux with GCC or Clang; used by tools/fuzz, or by itself:
//   node native/scripts/sanitized.mjs <program> [arguments]
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { compileProblem, compileSanitized } from './cmake.mjs';

const compiler = process.env.CXX || 'c++';

/**
 * Compiles what has changed.
 *
 * @returns {Promise<{ args: string[], env: Record<string, string> }>} arguments of node, before the program, and its
 *   environment
 * @throws Error that says why it can't be compiled here
 */
export async function sanitized() {
  const problem = compileProblem();
  if (problem) throw new Error(`the addon can't be compiled for AddressSanitizer: ${problem}`);
  const addon = await compileSanitized();
  const runtime = ['libasan.so', 'libclang_rt.asan-x86_64.so', 'libclang_rt.asan.so']
    .map((name) => spawnSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout.trim())
    .find((path) => path.includes('/'));
  if (!runtime) throw new Error(`${compiler} has no shared library of AddressSanitizer`);
  return {
    args: ['--import', join(import.meta.dirname, 'loadSanitized.mjs')],
    env: {
      SCMOE_SANITIZED_ADDON: addon,
      LD_PRELOAD: runtime,
      // V8 keeps memory to the end; and an allocation that the system refuses is an error of ours, not of the program.
      ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1:abort_on_error=0',
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { args, env } = await sanitized();
  const options = { stdio: 'inherit', env: { ...process.env, ...env } };
  const { status } = spawnSync(process.execPath, [...args, ...process.argv.slice(2)], options);
  process.exitCode = status ?? 1;
}
