import { messageField, textField, wholeNumberField } from './protobuf.js';
import type { ContextOptions } from './TensorFlowBinding.js';

/** Fields of ConfigProto and GPUOptions (config.proto) by number. */
const config = { deviceCount: 1, intraOpThreads: 2, gpuOptions: 6, allowSoftPlacement: 7 } as const;
const gpuOptions = { allowGrowth: 4, visibleDeviceList: 5 } as const;

/**
 * A serialized ConfigProto. GPU memory grows with what is used, so that several processes can share a GPU; operations without
 * a kernel for the GPU run on the CPU.
 */
export function contextConfig({ threads, gpu }: ContextOptions): Uint8Array {
  const visible = typeof gpu === 'number' ? textField(gpuOptions.visibleDeviceList, String(gpu)) : [];
  // An entry of a map: key in field 1, value in field 2.
  const noGpu = messageField(config.deviceCount, [...textField(1, 'GPU'), ...wholeNumberField(2, 0)]);
  return Uint8Array.from([
    ...(gpu === 'none' ? noGpu : []),
    ...(threads === undefined ? [] : wholeNumberField(config.intraOpThreads, threads)),
    ...messageField(config.gpuOptions, [...wholeNumberField(gpuOptions.allowGrowth, 1), ...visible]),
    ...wholeNumberField(config.allowSoftPlacement, 1),
  ]);
}
