import { jest } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';

/** Operations of products and bytes of the kernels that `LayerCost` counts, by name of the kernel. */
export interface KernelCounts {
  forwardFlops: number;
  backwardFlops: number;
  forwardBytes: number;
  backwardBytes: number;
}

type Inputs = Record<string, tf.Tensor>;
type Flops = (inputs: Inputs, attributes: Record<string, unknown>) => number;

/** Operations of a kernel from what it was given alone. */
const flopsOf: Record<string, Flops> = {
  ScmoeLinear: ({ x, weight }) => 2 * x!.size * weight!.shape[1]!,
  ScmoeLinearBackward: ({ x, weight }) => 4 * x!.size * weight!.shape[1]!,
  ScmoeMergedLinear: (inputs, { numLayers }) => 2 * mergedProducts(inputs, numLayers as number),
  ScmoeMergedLinearBackward: (inputs, { numLayers }) => 4 * mergedProducts(inputs, numLayers as number),
  ScmoeAttention: ({ q, k }) => 4 * q!.size * k!.shape[1]!,
  ScmoeAttentionBackward: ({ q, k }) => 10 * q!.size * k!.shape[1]!,
  ScmoeSwiglu: ({ x, gate }) => 6 * x!.size * gate!.shape[1]!,
  ScmoeSwigluBackward: ({ x, gate }) => 12 * x!.size * gate!.shape[1]!,
  ScmoeMlp: ({ x, w1 }) => 4 * x!.size * w1!.shape[1]!,
  ScmoeMlpBackward: ({ x, w1 }) => 8 * x!.size * w1!.shape[1]!,
  ScmoeGroupedFfn: ({ counts, w1 }) => 4 * filled(counts!) * w1!.shape[1]! * w1!.shape[2]!,
  ScmoeGroupedFfnBackward: ({ counts, w1 }) => 8 * filled(counts!) * w1!.shape[1]! * w1!.shape[2]!,
  ScmoeGroupedSwiglu: ({ counts, gate }) => 6 * filled(counts!) * gate!.shape[1]! * gate!.shape[2]!,
  ScmoeGroupedSwigluBackward: ({ counts, gate }) => 12 * filled(counts!) * gate!.shape[1]! * gate!.shape[2]!,
  BatchMatMul: ({ a, b }, { transposeB }) => 2 * a!.size * b!.shape.at(transposeB ? -2 : -1)!,
};
const withoutProducts = ['RmsNorm', 'LayerNorm', 'Encode', 'Decode'].flatMap((n) => [`Scmoe${n}`, `Scmoe${n}Backward`]);

const filled = (counts: tf.Tensor) => counts.dataSync<'int32'>().reduce((sum, count) => sum + count, 0);

/** Products of x with all weights, which come behind it. */
function mergedProducts(inputs: Inputs, numLayers: number): number {
  const [x, ...others] = Object.values(inputs);
  return others.slice(0, numLayers).reduce((sum, weight) => sum + x!.size * weight.shape[1]!, 0);
}

/** Runs `compute` and counts what its kernels do: those whose names end in Backward as backward. */
export function countKernels(compute: () => void): KernelCounts {
  const counts: KernelCounts = { forwardFlops: 0, backwardFlops: 0, forwardBytes: 0, backwardBytes: 0 };
  const engine = tf.engine();
  const runKernel = engine.runKernel.bind(engine);
  const spy = jest.spyOn(engine, 'runKernel').mockImplementation((name, inputs, attributes) => {
    const outputs = runKernel(name, inputs, attributes);
    const flops = flopsOf[name];
    if (flops || withoutProducts.includes(name)) {
      const way = name.endsWith('Backward') ? 'backward' : 'forward';
      // What a norm's gradient is added to belongs to a sum, which costs of our kernels don't count.
      const { sum: _, ...own } = inputs;
      const tensors = [...Object.values(own), ...[outputs].flat()] as (tf.Tensor | undefined)[];
      counts[`${way}Flops`] += flops?.(inputs, attributes ?? {}) ?? 0;
      counts[`${way}Bytes`] += 4 * tensors.reduce((sum, tensor) => sum + (tensor?.size ?? 0), 0);
    }
    return outputs;
  });
  try {
    tf.tidy(compute);
  } finally {
    spy.mockRestore();
  }
  return counts;
}
