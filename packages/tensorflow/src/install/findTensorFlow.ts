import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

import { installAdvice } from './installAdvice.js';
import { libraryProblem } from './libraryProblem.js';

/** An installed TensorFlow: the folder of its wheel and the two libraries in it. */
export interface InstalledTensorFlow {
  folder: string;
  framework: string;
  library: string;
  /** How it was found, for people: `SCMOE_TENSORFLOW`. */
  foundBy: string;
}

/** What was found, or why there is nothing that can be opened, in one sentence with the cure. */
export type FoundTensorFlow =
  { installed: InstalledTensorFlow; problem?: undefined } | { installed?: undefined; problem: string };

type Environment = Readonly<Record<string, string | undefined>>;

const framework = 'libtensorflow_framework.so.2';
const library = 'libtensorflow_cc.so.2';

/**
 * Looks for TensorFlow as pip installs it: where `SCMOE_TENSORFLOW` points (the folder `tensorflow` of a wheel, the folder
 * around it, or a virtual environment), in the active virtual environment, then where `python3` looks for its modules. Never
 * throws. Files are looked at, nothing is loaded.
 */
export function findTensorFlow(env: Environment = process.env, askPython = pythonFolders): FoundTensorFlow {
  if (process.platform !== 'linux')
    return { problem: `TensorFlow can be used on Linux only so far, this is ${process.platform}` };
  const named = env['SCMOE_TENSORFLOW'];
  if (named) {
    const folder = wheelIn(named);
    if (folder !== undefined) return checked(folder, 'SCMOE_TENSORFLOW');
    return {
      problem: `SCMOE_TENSORFLOW is ${named}, and there is no ${library} in it; name the folder 'tensorflow' of a wheel`,
    };
  }
  for (const variable of ['VIRTUAL_ENV', 'CONDA_PREFIX']) {
    const folder = env[variable] && wheelIn(env[variable]);
    if (folder) return checked(folder, variable);
  }
  for (const modules of askPython()) {
    const folder = wheelIn(modules);
    if (folder !== undefined) return checked(folder, 'python3');
  }
  return { problem: `no TensorFlow was found; ${installAdvice()}` };
}

/** The folder of the libraries, in its real place: TensorFlow finds those of CUDA from there. */
function wheelIn(folder: string): string | undefined {
  const lib = join(folder, 'lib');
  const pythons = existsSync(lib) ? readdirSync(lib).filter((name) => name.startsWith('python')) : [];
  const candidates = [
    folder,
    join(folder, 'tensorflow'),
    ...pythons.map((python) => join(lib, python, 'site-packages', 'tensorflow')),
  ];
  const found = candidates.find((candidate) => existsSync(join(candidate, library)));
  return found === undefined ? undefined : realpathSync(found);
}

function checked(folder: string, foundBy: string): FoundTensorFlow {
  const installed = { folder, framework: join(folder, framework), library: join(folder, library), foundBy };
  const problem = libraryProblem(installed.framework) ?? libraryProblem(installed.library);
  return problem === undefined ? { installed } : { problem: `${problem}; ${installAdvice()}` };
}

/** Where python3 looks for its modules; nothing where there is no python3. */
function pythonFolders(): string[] {
  const { status, stdout } = spawnSync('python3', ['-c', 'import sys; print("\\n".join(sys.path))'], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  return status === 0 ? stdout.split('\n').filter(Boolean) : [];
}
