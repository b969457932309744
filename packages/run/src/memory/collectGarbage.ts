import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Has V8 give back what nothing refers to any more, so that the memory of the process is what it needs. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  // The function is there in contexts made from now on.
  const collect = runInNewContext('gc') as (() => void) | undefined;
  setFlagsFromString('--no-expose-gc');
  collect?.();
}
