import { loadAddon } from '../addon/loadAddon.js';
import { haveShape, type WeightSizes } from './StoredWeight.js';

/** Numbers of a matrix (dOut, dIn) as the bytes that a file has. */
export interface TransposedMatrices {
  /** The bytes of one matrix each. */
  readonly matrices: readonly Uint8Array[];
  readonly format: 'float32' | 'bf16';
}

/**
 * What the backend keeps of a weight in place of its numbers row by row: each of its matrices transposed, wherever it lies, such
 * as in a mapped file. Kernels that know it read it as it is. `values` is for those that don't, and for whatever writes: the
 * numbers are put in order the first time, once and for all, and the matrices let go.
 */
export class TransposedWeight {
  readonly dtype = 'float32';
  refCount = 1;
  private ordered: Float32Array | undefined;

  /** @param acquire memory for the numbers in order */
  constructor(
    readonly sizes: WeightSizes,
    private given: TransposedMatrices | undefined,
    private readonly acquire: (bytes: number) => ArrayBuffer,
  ) {}

  /** The matrices as they lie, as long as nobody has asked for the numbers in order. */
  get transposed(): TransposedMatrices | undefined {
    return this.given;
  }

  /** What tells one state from the other. */
  get state(): object {
    return this.ordered ?? this.given!;
  }

  /** Whether a tensor of this shape has these matrices. */
  hasShape(shape: readonly number[]): boolean {
    return haveShape(this.sizes, shape);
  }

  get values(): Float32Array {
    if (this.ordered) return this.ordered;
    const { count, dIn, dOut } = this.sizes;
    const { format, matrices } = this.given!;
    const length = count * dIn * dOut;
    const to = new Float32Array(this.acquire(length * 4), 0, length);
    loadAddon().expandTransposed({ ...this.sizes, format, weight: matrices, to });
    this.given = undefined;
    return (this.ordered = to);
  }

  /** The memory that goes back to the pool with the tensor. */
  get buffers(): ArrayBuffer[] {
    return this.ordered ? [this.ordered.buffer as ArrayBuffer] : [];
  }
}

/** What an entry of the backend is now: another object once its numbers are elsewhere. */
export function stateOf(entry: unknown): unknown {
  return entry instanceof TransposedWeight ? entry.state : entry;
}
