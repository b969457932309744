import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';

import { ScmoeError } from '@scmoe/errors';

/**
 * Has XLA keep what it compiles in a folder, and take it from there in later processes. Called before TensorFlow's first compilation,
 * for it reads its flags once. What is kept is machine code: each version of TensorFlow and each kind of processor has a folder of its own.
 *
 * @throws ScmoeError where the folder can't be made
 */
export function keepCompiled(folder: string, version: string): void {
  const processor = createHash('sha256')
    .update(cpus()[0]?.model ?? process.arch)
    .digest('hex')
    .slice(0, 8);
  const own = join(resolve(folder), `tensorflow-${version}-${processor}`);
  try {
    mkdirSync(own, { recursive: true });
  } catch (error) {
    throw new ScmoeError(`compiled steps can't be kept in ${folder}: ${(error as Error).message}`, { cause: error });
  }
  const flags = process.env['TF_XLA_FLAGS'];
  const flag = `--tf_xla_persistent_cache_directory=${own}`;
  if (flags?.includes('--tf_xla_persistent_cache_directory')) return; // the user's own
  process.env['TF_XLA_FLAGS'] = flags === undefined || flags === '' ? flag : `${flags} ${flag}`;
}
