import { ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { useCpu, useRegistered, type Activate, type Activated } from './Activated.js';
import type * as node from './activators.js';

/** A page brings a backend by importing its package, which registers it; `@tensorflow/tfjs` brings webgl and cpu. */
export const activators: Record<string, Activate> = {
  webgl: () => useImported('webgl', 'the GPU through WebGL'),
  wasm: () => useImported('wasm', 'WebAssembly'),
  cpu: useCpu,
};

export const preference: typeof node.preference = ['webgl', 'wasm', 'cpu'];

export const defaultThreads: typeof node.defaultThreads = () => 1;

async function useImported(name: string, about: string): Promise<Activated> {
  if (tf.findBackendFactory(name) === null) throw new ScmoeError(`@tensorflow/tfjs-backend-${name} is not imported`);
  return useRegistered(name, about);
}
