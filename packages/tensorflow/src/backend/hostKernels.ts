import * as tf from '@tensorflow/tfjs';

import { kernel } from './kernel.js';
import type { TensorFlowBackend } from './TensorFlowBackend.js';

/** TF.js's own backend cpu, as far as its kernels are called here. */
interface CpuBackend extends tf.KernelBackend {
  makeTensorInfo(shape: number[], dtype: tf.DataType, values: tf.backend_util.BackendValues): tf.TensorInfo;
}

type Named = Record<string, tf.TensorInfo | tf.TensorInfo[] | null | undefined>;

/**
 * All kernels of TF.js's own backend cpu, over tensors that are read and written for it: what has no operation here runs
 * these. Slow, and no part of a recording.
 */
export function hostKernels(): tf.KernelConfig[] {
  return tf
    .getKernelsForBackend('cpu')
    .map((config) =>
      kernel<Named, tf.NamedAttrMap>(config.kernelName, (backend, inputs, attributes) =>
        runOnHost(backend, config, inputs, attributes),
      ),
    );
}

function runOnHost(
  backend: TensorFlowBackend,
  { kernelName, kernelFunc }: tf.KernelConfig,
  inputs: Named,
  attrs: tf.NamedAttrMap,
): tf.TensorInfo | tf.TensorInfo[] {
  const cpu = tf.engine().findBackend('cpu') as CpuBackend;
  const given = Object.entries(inputs).map(([name, input]) => {
    if (input == null) return [name, input] as const;
    const copies = [input].flat().map((one) => toHost(backend, cpu, one, kernelName));
    return [name, Array.isArray(input) ? copies : copies[0]!] as const;
  });
  const copied = given.flatMap(([, copy]) => copy ?? []);
  const made = kernelFunc({ inputs: Object.fromEntries(given) as tf.NamedTensorInfoMap, backend: cpu, attrs });
  const results = [made].flat().map((result) => {
    const values = cpu.readSync(result.dataId);
    return backend.fromValues(result.shape, result.dtype, values);
  });
  // A kernel may give back what it was given.
  for (const { dataId } of new Set([...copied, ...[made].flat()])) cpu.disposeData(dataId, true);
  return Array.isArray(made) ? results : results[0]!;
}

function toHost(
  backend: TensorFlowBackend,
  cpu: CpuBackend,
  { dataId, shape, dtype }: tf.TensorInfo,
  kernelName: string,
): tf.TensorInfo {
  const values = backend.readFor(`${kernelName}, which runs on the host here,`, dataId);
  if (dtype !== 'complex64') return cpu.makeTensorInfo(shape, dtype, values);
  const parts = tf.backend_util.splitRealAndImagArrays(values as Float32Array);
  const [real, imag] = [parts.real, parts.imag].map((part) => cpu.makeTensorInfo(shape, 'float32', part));
  const { kernelFunc } = tf.getKernel('Complex', 'cpu');
  return kernelFunc({ inputs: { real: real!, imag: imag! }, backend: cpu, attrs: {} }) as tf.TensorInfo;
}
