import { spawnSync } from 'node:child_process';

/** The Python with PyTorch to compare with: by default SCMOE_PYTHON or python3; undefined (said once) where it has none. */
export function findPyTorch(python = namedPython()): string | undefined {
  const found = findPython('torch', python);
  if (found === undefined)
    console.log(`PyTorch left out: \`${python} -c "import torch"\` failed (set SCMOE_PYTHON to a Python that has it).`);
  return found;
}

/** The Python, if it has a module: by default that of SCMOE_PYTHON or python3. */
export function findPython(module: 'torch' | 'jax', python = namedPython()): string | undefined {
  return spawnSync(python, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0 ? python : undefined;
}

function namedPython(): string {
  return process.env.SCMOE_PYTHON ?? 'python3';
}
