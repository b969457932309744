import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const fileName = 'libnccl.so.2';

type Environment = Readonly<Record<string, string | undefined>>;

/** What `ncclCandidates` has looked through, for messages. */
export const ncclPlaces = "the loader's folders, CUDA_HOME, /usr/local/cuda and Python's packages";

/**
 * Where NCCL may be, best first: the file that SCMOE_NCCL_LIB names and no other; or else what the loader finds, and what
 * lies in a CUDA installation or a Python environment (the packages nvidia-nccl-cu12 and -cu13).
 */
export function ncclCandidates(env: Environment = process.env): string[] {
  const named = env['SCMOE_NCCL_LIB'];
  if (named) return [named];
  const cuda = [env['CUDA_HOME'], env['CUDA_PATH'], '/usr/local/cuda'].filter(isGiven);
  const files = [
    ...cuda.flatMap((folder) => ['lib64', 'lib'].map((lib) => join(folder, lib, fileName))),
    ...(env['CONDA_PREFIX'] ? [join(env['CONDA_PREFIX'], 'lib', fileName)] : []),
    ...sitePackages(env).map((folder) => join(folder, 'nvidia', 'nccl', 'lib', fileName)),
  ];
  return [...new Set([fileName, ...files.filter((file) => existsSync(file))])];
}

/** Where the CUDA driver may be: it comes with the kernel's module, so that the loader knows it, but for SCMOE_CUDA_LIB. */
export function driverCandidates(env: Environment = process.env): string[] {
  return [env['SCMOE_CUDA_LIB'] || 'libcuda.so.1'];
}

/** The folders of Python's packages, for the environment that is active, the user and the system. */
function sitePackages(env: Environment): string[] {
  const roots = [
    env['VIRTUAL_ENV'],
    env['CONDA_PREFIX'],
    env['HOME'] && join(env['HOME'], '.local'),
    '/usr/local',
    '/usr',
  ].filter(isGiven);
  return roots.flatMap((root) =>
    pythonsIn(join(root, 'lib')).flatMap((python) =>
      ['site-packages', 'dist-packages'].map((name) => join(root, 'lib', python, name)),
    ),
  );
}

function pythonsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^python3(\.\d+)?$/.test(name))
      .sort()
      .reverse();
  } catch {
    return [];
  }
}

function isGiven(path: string | undefined): path is string {
  return path !== undefined && path !== '';
}
