import { ScmoeError } from '@scmoe/errors';
import { callByName, findAddonFile, requireFrom, type Addon, type TensorFlowFunctions } from '@scmoe/native/signatures';

let native: TensorFlowFunctions | undefined;

/** The addon's functions. @throws ScmoeError where there is no addon for this machine */
export function loadAddon(): TensorFlowFunctions {
  return (native ??= open());
}

/** Why the addon can't be opened here, in one sentence; undefined where it can. */
export function addonProblem(): string | undefined {
  try {
    loadAddon();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function open(): TensorFlowFunctions {
  const { path, problem } = findAddonFile({
    packageName: '@scmoe/tensorflow',
    file: 'scmoe_tensorflow.node',
    moduleUrl: (import.meta as { url?: string }).url,
    what: 'addon for TensorFlow',
    advice: 'with a C++ compiler and CMake, `npm run build` in the repository makes it',
  });
  if (problem !== undefined) throw new ScmoeError(problem);
  try {
    return callByName<TensorFlowFunctions>(requireFrom(path)(path) as Addon);
  } catch (error) {
    throw new ScmoeError(`the addon for TensorFlow could not be loaded: ${(error as Error).message}`, { cause: error });
  }
}
