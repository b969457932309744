import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The TensorFlow that tools/bootstrap has put into the work folder for the tests, unless the user names his own. */
export function useTestTensorFlow(): void {
  const folder = join(import.meta.dirname, '..', '..', '..', '.tensorflow');
  if (existsSync(folder)) process.env['SCMOE_TENSORFLOW'] ??= folder;
}
