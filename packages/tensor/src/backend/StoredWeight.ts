import { loadAddon } from '../addon/loadAddon.js';
import { scaleBlocks } from '../weights/roundToFormat.js';

/** Sizes of `count` matrices (dIn, dOut), one behind the other. */
export interface WeightSizes {
  count: number;
  dIn: number;
  dOut: number;
}

/**
 * What the backend keeps of a tensor in place of float32 numbers row by row: a weight in panels of some columns, in the order in
 * which a product of few rows reads it, and mostly in fewer bytes. Kernels that know it read it as it is; `values` makes numbers
 * of it for those that don't.
 */
export class StoredWeight {
  readonly dtype = 'float32';
  refCount = 1;

  constructor(
    readonly sizes: WeightSizes,
    /** bfloat16 in a Uint16Array, the bits of int8, or float32. */
    readonly weight: Uint16Array | Uint8Array | Float32Array,
    /** The scales of int8, `blocks` of each column. */
    readonly scales: Float32Array | undefined,
  ) {}

  /** Blocks of scales in a column. */
  get blocks(): number {
    return scaleBlocks(this.sizes.dIn);
  }

  /** Whether a tensor of this shape has these matrices. */
  hasShape(shape: readonly number[]): boolean {
    return haveShape(this.sizes, shape);
  }

  /** The numbers, made anew each time: they belong to whoever asks. */
  get values(): Float32Array {
    const to = new Float32Array(this.weight.length);
    this.expandTo(to);
    return to;
  }

  /** Writes the numbers row by row. */
  expandTo(to: Float32Array): void {
    loadAddon().expandWeight({ ...this.sizes, blocks: this.blocks, weight: this.weight, scales: this.scales, to });
  }

  /** The memory that goes back to the pool with the tensor. */
  get buffers(): ArrayBuffer[] {
    return [this.weight, this.scales].flatMap((array) => (array ? [array.buffer as ArrayBuffer] : []));
  }
}

/** Whether a tensor of this shape has matrices of these sizes. */
export function haveShape({ count, dIn, dOut }: WeightSizes, shape: readonly number[]): boolean {
  const of = shape.length === 2 ? [1, ...shape] : shape;
  return of.length === 3 && of[0] === count && of[1] === dIn && of[2] === dOut;
}
