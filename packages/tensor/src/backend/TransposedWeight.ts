import { loadAddon } from '../addon/loadAddon.js';
import { haveShape, StoredWeight, type WeightSizes } from './StoredWeight.js';

/** Numbers of a matrix (dOut, dIn) as the bytes that a file has. */
export interface TransposedMatrices {
  /** The bytes of one matrix each. */
  readonly matrices: readonly Uint8Array[];
  readonly format: 'float32' | 'bf16';
}

/** Where the memory comes from that a weight takes when it moves, and where it goes. */
export interface WeightMemory {
  acquire(bytes: number): ArrayBuffer;
  release(buffer: ArrayBuffer): void;
}

/**
 * What the backend keeps of a weight in place of its numbers row by row: each of its matrices transposed, wherever it lies, such
 * as in a mapped file. Kernels that know it read it as it is, or, once it has been settled, in panels of its own. `values` is for
 * those that don't, and for whatever writes: the numbers are put in order the first time, once and for all, and the matrices let go.
 */
export class TransposedWeight {
  readonly dtype = 'float32';
  refCount = 1;
  private panels: StoredWeight | undefined;
  private ordered: Float32Array | undefined;

  /** @param memory for the numbers in order */
  constructor(
    readonly sizes: WeightSizes,
    private given: TransposedMatrices | undefined,
    private readonly memory: WeightMemory,
  ) {}

  /** The matrices as they lie, as long as they have not moved. */
  get transposed(): TransposedMatrices | undefined {
    return this.given;
  }

  /** The numbers in panels, from when they were settled until somebody asks for them in order. */
  get settled(): StoredWeight | undefined {
    return this.panels;
  }

  /** What tells one state from the other. */
  get state(): object {
    return this.ordered ?? this.panels ?? this.given!;
  }

  /** Whether a tensor of this shape has these matrices. */
  hasShape(shape: readonly number[]): boolean {
    return haveShape(this.sizes, shape);
  }

  /** Bytes of memory that settling takes; 0 where there is nothing to settle. */
  get bytesToSettle(): number {
    return this.given ? this.length * (this.given.format === 'float32' ? 4 : 2) : 0;
  }

  /** Moves the matrices from where they lie into panels, each number as it is. */
  settle(): void {
    if (!this.given) return;
    const { format, matrices } = this.given;
    const memory = this.memory.acquire(this.bytesToSettle);
    const to =
      format === 'float32' ? new Float32Array(memory, 0, this.length) : new Uint16Array(memory, 0, this.length);
    loadAddon().putInPanels({ ...this.sizes, format, weight: matrices, to });
    this.given = undefined;
    this.panels = new StoredWeight(this.sizes, to, undefined);
  }

  get values(): Float32Array {
    if (this.ordered) return this.ordered;
    const to = new Float32Array(this.memory.acquire(this.length * 4), 0, this.length);
    if (this.panels) {
      this.panels.expandTo(to);
      this.panels.buffers.forEach((buffer) => this.memory.release(buffer));
    } else {
      const { format, matrices } = this.given!;
      loadAddon().expandTransposed({ ...this.sizes, format, weight: matrices, to });
    }
    this.given = this.panels = undefined;
    return (this.ordered = to);
  }

  /** The memory that goes back to the pool with the tensor. */
  get buffers(): ArrayBuffer[] {
    return this.ordered ? [this.ordered.buffer as ArrayBuffer] : (this.panels?.buffers ?? []);
  }

  private get length(): number {
    const { count, dIn, dOut } = this.sizes;
    return count * dIn * dOut;
  }
}

/** What an entry of the backend is now: another object once its numbers are elsewhere. */
export function stateOf(entry: unknown): unknown {
  return entry instanceof TransposedWeight ? entry.state : entry;
}
