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
 * @throws ScmoeError in one sentence where none is installed, it can't be used, or it has not the GPU that is asked for
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
  const binding = new NativeBinding(native, version, { gpu: gpuOfRank(), ...options });
  // That of a rank is taken where there is one; one that is asked for has to be there.
  if (typeof options.gpu === 'number' && binding.device.type !== 'GPU')
    throw new ScmoeError(
      `gpu: ${options.gpu}: TensorFlow ${version} sees no such GPU; \`npx scmoe tensorflow doctor\` says what it sees and what ` +
        'to install, and without `gpu` a CPU is taken where there is no GPU',
    );
  return binding;
}
