import { createHash } from 'node:crypto';

import { ScmoeError } from '@scmoe/errors';
import { linkableKernels, linkKernel, overwritableInputs, type LinkedKernel, type TensorForm } from '@scmoe/tensor';
import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs';

import { kernel } from '../backend/kernel.js';
import { callAttributes, callModuleOperation } from '../recording/CallModule.js';

/** Another number where the calls of a kernel are others for the same attributes and forms: XLA may have kept steps of before. */
const release = 1;

const linked = new Map<number, LinkedKernel>();

/** Kernels of backend `scmoe`, called from within a step that XLA compiles. */
export const ownKernels: readonly KernelConfig[] = linkableKernels.map((kernelName) =>
  kernel<Record<string, TensorInfo | undefined>>(kernelName, (backend, inputs, attributes) => {
    const given = Object.entries(inputs).filter((entry): entry is [string, TensorInfo] => entry[1] !== undefined);
    const forms = Object.fromEntries(given.map(([name, { shape, dtype }]) => [name, { shape, dtype } as TensorForm]));
    const key = keyOf(kernelName, forms, attributes);
    const found = linked.get(key) ?? linkKernel({ kernelName, inputs: forms, attributes, key });
    if (found === undefined)
      throw new ScmoeError(
        `compileStep: ${kernelName}: expected a kernel of native calls alone, got another; ` +
          'SCMOE_KERNEL_CALLS=0 leaves all of them to XLA',
      );
    linked.set(key, found);
    const scratch = found.scratchBytes.map((bytes): TensorForm => ({
      dtype: 'float32',
      shape: [Math.ceil(bytes / 4)],
    }));
    const results = [...found.outputs, ...scratch];
    const places = new Map(given.map(([name], place) => [name, place]));
    const overwrites = overwritableInputs(kernelName, found.outputs.length).map((name) => places.get(name)!);
    const call = { target: 'scmoe_kernel', numbers: { key }, results, overwrites };
    const tensors = given.map(([, tensor]) => tensor);
    const made = backend.runAll(callModuleOperation, [tensors], callAttributes(call, Object.values(forms)));
    for (const { dataId } of made.slice(found.outputs.length)) backend.disposeData(dataId);
    return found.givesOne ? made[0]! : made.slice(0, found.outputs.length);
  }),
);

/** The same number in every process: what XLA has kept of a step calls its kernels by it. */
function keyOf(kernelName: string, forms: Readonly<Record<string, TensorForm>>, attributes: object): number {
  const text = JSON.stringify([release, kernelName, Object.entries(forms), Object.entries(attributes).sort()]);
  return createHash('sha256').update(text).digest().readUIntBE(0, 6) || 1;
}
