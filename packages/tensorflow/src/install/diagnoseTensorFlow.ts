import { spawnSync } from 'node:child_process';

import { kernelCallsProblem } from '../kernelCalls/withOwnKernels.js';
import { findTensorFlow } from './findTensorFlow.js';
import { hasNvidiaDriver, installCommand } from './installAdvice.js';
import { openTensorFlow } from './openTensorFlow.js';

/** Whether TensorFlow can be used here, and what is known of it, for people. */
export interface Diagnosis {
  usable: boolean;
  lines: string[];
}

/** Looks for TensorFlow, opens it, and says what is there and what to install. Never throws. */
export function diagnoseTensorFlow(): Diagnosis {
  const gpus = nvidiaGpus();
  const install = [
    `for a CPU          ${installCommand(false)}`,
    `for an NVIDIA GPU  ${installCommand(true)}   (Pascal to Hopper; CUDA comes with it, the driver does not)`,
  ];
  const refused = (problem: string) => ({ usable: false, lines: [`tensorflow  no: ${problem}`, ...gpus, ...install] });
  const { installed, problem } = findTensorFlow();
  if (!installed) return refused(problem);
  try {
    const binding = openTensorFlow();
    const { version, devices, device } = binding;
    const seen = devices.map(
      ({ name, type }) => `device      ${type}:${name.split(':').pop()}${name === device.name ? ', in use' : ''}`,
    );
    const problem = kernelCallsProblem(binding);
    const kernels = problem === undefined ? 'of @scmoe/tensor' : `XLA's alone, for ${problem}`;
    const blind = hasNvidiaDriver() && !devices.some(({ type }) => type === 'GPU');
    return {
      usable: true,
      lines: [
        `tensorflow  yes: TensorFlow ${version}, ${installed.folder} (${installed.foundBy})`,
        ...seen,
        `kernels     in compiled steps: ${kernels}`,
        ...gpus,
        ...(blind ? ['There is an NVIDIA driver, but this TensorFlow sees no GPU:', ...install] : []),
      ],
    };
  } catch (error) {
    return refused((error as Error).message);
  }
}

/** The GPUs with their compute capability, by the tool that comes with NVIDIA's driver. */
function nvidiaGpus(): string[] {
  const query = ['--query-gpu=index,name,compute_cap,memory.total', '--format=csv,noheader'];
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8', timeout: 20_000 });
  if (status !== 0) return [];
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [index, name, capability, memory] = line.split(', ');
      return `GPU ${index}       ${name}, compute capability ${capability}, ${memory}`;
    });
}
