import { spawnSync } from 'node:child_process';

/** The Python with PyTorch to compare with: SCMOE_PYTHON or python3; undefined (said once) where there is none. */
export function findPyTorch(): string | undefined {
  const python = findPython('torch');
  if (python !== undefined) return python;
  console.log(
    `PyTorch left out: \`${namedPython()} -c "import torch"\` failed (set SCMOE_PYTHON to a Python that has it).`,
  );
  return undefined;
}

/** The Python that has a module: that of SCMOE_PYTHON or python3; undefined where it has not. */
export function findPython(module: 'torch' | 'jax'): string | undefined {
  const python = namedPython();
  return spawnSync(python, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0 ? python : undefined;
}

const namedPython = () => process.env.SCMOE_PYTHON ?? 'python3';
