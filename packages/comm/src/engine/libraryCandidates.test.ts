import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { temporaryFolder } from '@scmoe/testing';

import { driverCandidates, ncclCandidates } from './libraryCandidates.js';

function touch(...parts: string[]): string {
  const path = join(...parts);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '');
  return path;
}

const { path: root } = temporaryFolder();

describe('where NCCL is looked for', () => {
  it('is the named file and no other', () => {
    expect(ncclCandidates({ SCMOE_NCCL_LIB: '/opt/nccl.so', CUDA_HOME: '/usr' })).toEqual(['/opt/nccl.so']);
  });

  it('or else the loader first, then what is there of CUDA, conda and Python environments', () => {
    const cuda = touch(root, 'cuda', 'lib64', 'libnccl.so.2');
    const conda = touch(root, 'conda', 'lib', 'libnccl.so.2');
    const venv = touch(root, 'venv', 'lib', 'python3.12', 'site-packages', 'nvidia', 'nccl', 'lib', 'libnccl.so.2');
    touch(root, 'venv', 'lib', 'python3.12', 'site-packages', 'nvidia', 'cudnn', 'lib', 'libcudnn.so.9');
    const env = { CUDA_HOME: join(root, 'cuda'), CONDA_PREFIX: join(root, 'conda'), VIRTUAL_ENV: join(root, 'venv') };
    const found = ncclCandidates(env);
    expect(found[0]).toBe('libnccl.so.2');
    expect(found.filter((path) => path.startsWith(root))).toEqual([cuda, conda, venv]);
  });

  it('and the driver is where the loader finds it, or in the named file', () => {
    expect(driverCandidates({})).toEqual(['libcuda.so.1']);
    expect(driverCandidates({ SCMOE_CUDA_LIB: '/wsl/libcuda.so.1' })).toEqual(['/wsl/libcuda.so.1']);
  });
});
