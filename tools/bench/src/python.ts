import { spawnSync } from 'node:child_process';

/** The Python with PyTorch to compare with: by default SCMOE_PYTHON or python3; undefined (said once) where it has none. */
export function findPyTorch(python: string = process.env.SCMOE_PYTHON ?? 'python3'): string | undefined {
  const found = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' });
  if (found.status === 0) return python;
  console.log(`PyTorch left out: \`${python} -c "import torch"\` failed (set SCMOE_PYTHON to a Python that has it).`);
  return undefined;
}
