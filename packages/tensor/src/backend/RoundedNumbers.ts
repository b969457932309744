import { bf16ToFloat32 } from '../io/halfPrecision.js';

/**
 * What the backend keeps of a tensor in place of float32 numbers: the same numbers, row by row, in bfloat16. Kernels that know it read
 * and write the bits; `values` makes numbers of them for those that don't.
 */
export class RoundedNumbers {
  readonly dtype = 'float32';
  refCount = 1;

  constructor(readonly bits: Uint16Array) {}

  /** The numbers, made anew each time: they belong to whoever asks. */
  get values(): Float32Array {
    return bf16ToFloat32(this.bits);
  }

  /** The memory that goes back to the pool with the tensor. */
  get buffers(): ArrayBuffer[] {
    return [this.bits.buffer as ArrayBuffer];
  }
}
