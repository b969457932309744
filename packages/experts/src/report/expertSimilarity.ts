import * as tf from '@tensorflow/tfjs';

/** The matrices of all experts of a layer. */
export interface ExpertMatrices {
  /** (N, d, f) each: `w1`, or `gate` and `up`. */
  reads: readonly tf.Tensor3D[];
  /** (N, f, d) each: `w2`, or `down`. */
  writes: readonly tf.Tensor3D[];
}

/**
 * How much the weights of experts are alike, from 0 for unrelated ones to 1 for the same: linear CKA (Kornblith et al., arXiv
 * 1905.00414) of all channels that an expert reads or writes, its matrices side by side, with the unbiased estimate of HSIC
 * (Song et al. 2012), without which unrelated matrices of many columns look alike. It does not depend on the order of the
 * hidden units, which no two experts have in common.
 *
 * @param experts matrices of all experts of a layer: those that read a token (N, d, f), and those that write one (N, f, d)
 * @returns (N, N); around 0, below it too, for unrelated ones
 */
export async function expertSimilarity({ reads, writes }: ExpertMatrices): Promise<number[][]> {
  const [numExperts, d] = reads[0]!.shape;
  const kernels: CenteredKernel[] = [];
  for (let e = 0; e < numExperts; e++) {
    const product = tf.tidy(() => {
      const own = (all: tf.Tensor3D) => tf.squeeze<tf.Tensor2D>(tf.slice(all, [e, 0, 0], [1, -1, -1]), [0]);
      return tf.addN([
        ...reads.map((all) => tf.matMul(own(all), own(all), false, true)),
        ...writes.map((all) => tf.matMul(own(all), own(all), true, false)),
      ]);
    });
    kernels.push(new CenteredKernel((await product.data()) as Float32Array, d));
    product.dispose();
  }
  const own = kernels.map((kernel) => kernel.hsic(kernel));
  return kernels.map((a, i) =>
    kernels.map((b, j) => {
      if (i === j) return 1;
      const size = Math.sqrt(own[i]! * own[j]!);
      return size > 0 ? a.hsic(b) / size : 0;
    }),
  );
}

/** A kernel (d, d) with what the unbiased estimate needs of it. */
class CenteredKernel {
  private readonly rowSums: Float64Array;
  private readonly total: number;

  constructor(
    private readonly values: Float32Array,
    private readonly d: number,
  ) {
    this.rowSums = new Float64Array(d);
    for (let i = 0; i < d; i++) {
      values[i * d + i] = 0;
      for (let j = 0; j < d; j++) this.rowSums[i]! += values[i * d + j]!;
    }
    this.total = this.rowSums.reduce((sum, value) => sum + value, 0);
  }

  hsic({ values, rowSums, total }: CenteredKernel): number {
    const { d } = this;
    let trace = 0;
    for (let i = 0; i < values.length; i++) trace += this.values[i]! * values[i]!;
    const between = this.rowSums.reduce((sum, value, i) => sum + value * rowSums[i]!, 0);
    return (trace + (this.total * total) / ((d - 1) * (d - 2)) - (2 * between) / (d - 2)) / (d * (d - 3));
  }
}
