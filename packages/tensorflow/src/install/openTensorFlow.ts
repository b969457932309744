import { ScmoeError } from '@scmoe/errors';

import { loadAddon } from '../addon/loadAddon.js';
import { NativeBinding } from '../binding/NativeBinding.js';
import type { ContextOptions, TensorFlowBinding } from '../binding/TensorFlowBinding.js';
import { findTensorFlow } from './findTensorFlow.js';
import { gpuOfRank } from './gpuOfRank.js';
import { installCommand } from './installAdvice.js';
import { keepCompiled } from './keepCompiled.js';

let opened: TensorFlowBinding | undefined;

/**
 * TensorFlow from an installed wheel, opened and started at the first call; later calls give the same, whatever their options:
 * TensorFlow reads its configuration once.
 *
 * @throws ScmoeError in one sentence where none is installed, or it can't be used
 */
export function openTensorFlow(options: ContextOptions = {}): TensorFlowBinding {
  return (opened ??= open(options));
}

function open(options: ContextOptions): TensorFlowBinding {
  const native = loadAddon();
  const { installed, problem } = findTensorFlow();
  if (!installed) throw new ScmoeError(problem);
  let version: string;
  try {
    const { framework, library } = installed;
    version = native.tfOpen({ framework, library, tf32: options.tf32 ?? false });
  } catch (error) {
    const message = `TensorFlow can't be opened: ${(error as Error).message}; \`${installCommand()}\` installs one that can`;
    throw new ScmoeError(message, { cause: error });
  }
  const compileCache = options.compileCache ?? process.env['SCMOE_COMPILE_CACHE'];
  if (compileCache !== undefined && compileCache !== '') keepCompiled(compileCache, version);
  return new NativeBinding(native, version, { gpu: gpuOfRank(), ...options });
}
