import { spawnSync } from 'node:child_process';

import type { Device } from '@scmoe/tensorflow';

/** What a check runs on: a GPU at the sizes of one, or a CPU at sizes that only show that the check itself works. */
export type CheckedDevice = 'gpu' | 'cpu';

/** The name of a GPU, by the tool that comes with NVIDIA's driver; undefined where there is none. */
export function gpuName(): string | undefined {
  const query = ['--query-gpu=name', '--format=csv,noheader', '--id=0'];
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8', timeout: 20_000 });
  return status === 0 ? stdout.trim() : undefined;
}

/** Why the check can't run on a GPU here, in one sentence with what to do; undefined where it can. */
export function gpuProblem({ type }: Device): string | undefined {
  if (type === 'GPU') return undefined;
  const name = gpuName();
  if (name === undefined)
    return 'check:gpu: no NVIDIA GPU and driver were found (nvidia-smi); `--device cpu` runs the same checks small, on the CPU';
  return (
    `check:gpu: TensorFlow sees no GPU, though there is ${name}; \`npx scmoe tensorflow doctor\` says what to install, ` +
    '`--device cpu` runs the same checks small, on the CPU'
  );
}
