import { ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { CompileFunction } from './CompileFunction.js';

/** A backend that could be made the current one. */
export interface Activated {
  name: string;
  threads: number;
  about: string;
  /** Turns bf16 products on or off; absent where the backend has none. Says why it can't, where it can't. */
  setBf16?: (on: boolean) => string | undefined;
  /** Makes one call of a function; absent where the backend can't. */
  compile?: CompileFunction;
}

export type Activate = (threads: number) => Promise<Activated>;

export async function useCpu(): Promise<Activated> {
  const activated = await useRegistered('cpu', 'plain JavaScript, slow');
  // On first use it would print three lines that advise tfjs-node; our report says what there is to say.
  (tf.backend() as { firstUse?: boolean }).firstUse = false;
  return activated;
}

export async function useRegistered(name: string, about: string): Promise<Activated> {
  await makeCurrent(name);
  return { name, threads: 1, about };
}

export async function makeCurrent(name: string): Promise<void> {
  if (!(await tf.setBackend(name))) throw new ScmoeError(`TF.js could not initialise '${name}' (its warning says why)`);
}
