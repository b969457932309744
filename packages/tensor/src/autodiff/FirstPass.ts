import type * as tf from '@tensorflow/tfjs';

import { unrecorded } from './recording.js';
import { isOperation, savedNumbers } from './Tape.js';
import type { TapeNode } from './tapePath.js';

/** One recorded operation of a first pass: what it was, and what came out. */
interface Call {
  readonly kernelName: string;
  readonly inputs: readonly tf.DataId[];
  readonly outputs: readonly { dataId: tf.DataId; shape: number[]; dtype: tf.DataType }[];
  readonly saved: readonly tf.DataId[];
  /** The outputs, where the second pass gets them from here. */
  readonly kept?: tf.Tensor[];
  /** Not on the tape of a gradient: it runs again, but a second pass does not count it. */
  readonly isConstant: boolean;
}

/** What a second pass does with an operation. */
export type Fate = 'run' | 'skip' | { kept: tf.Tensor[] };

/**
 * What a first pass has done, in its order: enough to know what a second one has to compute to give the gradient what it
 * needs. Nothing that the tape would save is held.
 */
export class FirstPass {
  /** Float32 tensors from outside that an operation reads, by id. */
  readonly read = new Map<number, tf.Tensor>();
  private readonly calls: Call[] = [];
  private readonly given = new Set<tf.DataId>();
  private fates: Fate[] | undefined;
  private names: string[] | undefined;

  /**
   * @param firstId id of the first tensor that the pass makes
   * @param keeps kernels whose outputs are kept for the second pass
   */
  constructor(
    private readonly firstId: number,
    private readonly keeps: ReadonlySet<string>,
  ) {}

  /** A tape for the engine, which holds nothing of what it gets. */
  tape({ isConstant }: { isConstant: boolean }): { push: (...nodes: TapeNode[]) => number } {
    return {
      push: (...nodes) => {
        if (isOperation()) for (const node of nodes) this.add(node, isConstant);
        return this.calls.length;
      },
    };
  }

  /** Names of the operations on the tape of the second pass. */
  get kernelNames(): readonly string[] {
    return (this.names ??= this.recorded().map(({ kernelName }) => kernelName));
  }

  /** What the second pass does with the operation of this number, counted on its tape. */
  fateOf(index: number): Fate {
    return (this.fates ??= this.decide())[index] ?? 'run';
  }

  /** What the operation of this number gave. */
  outputsOf(index: number): readonly tf.TensorInfo[] {
    return this.recorded()[index]!.outputs;
  }

  /** Takes note that the second pass gets this tensor from elsewhere: nobody has to compute what it came from. */
  give({ dataId }: tf.Tensor): void {
    this.given.add(dataId);
  }

  /** The tensors that are kept. */
  kept(): tf.Tensor[] {
    return this.calls.flatMap(({ kept = [] }) => kept);
  }

  private add(node: TapeNode, isConstant: boolean): void {
    const { kernelName, inputs, outputs, saved = [] } = node;
    const given = Object.values(inputs).filter((input) => input !== undefined);
    for (const input of given) {
      if (!isConstant && input.id < this.firstId && input.dtype === 'float32') this.read.set(input.id, input);
    }
    this.calls.push({
      kernelName,
      inputs: given.map(({ dataId }) => dataId),
      outputs: outputs.map(({ dataId, shape, dtype }) => ({ dataId, shape, dtype })),
      saved: savedNumbers(node).map(({ dataId }) => dataId),
      kept: this.keeps.has(kernelName) && !isConstant ? outputs.map(keptClone) : undefined,
      isConstant,
    });
    for (const tensor of saved) tensor.dispose();
  }

  private recorded(): Call[] {
    return this.calls.filter(({ isConstant }) => !isConstant);
  }

  /** Goes from the last operation to the first: one is needed when the tape saves an output, or a needed one reads it. */
  private decide(): Fate[] {
    const needed = new Set(this.calls.flatMap(({ saved }) => saved));
    const fates = [...this.calls].reverse().map(({ inputs, outputs, kept, isConstant }) => {
      const isNeeded = outputs.some(({ dataId }) => needed.has(dataId));
      // What is given needs nothing itself.
      const isGiven = kept !== undefined || outputs.some(({ dataId }) => this.given.has(dataId));
      if (isNeeded && !isGiven) for (const dataId of inputs) needed.add(dataId);
      const fate: Fate = !isNeeded ? 'skip' : kept ? { kept } : 'run';
      return { fate, isConstant };
    });
    return fates
      .reverse()
      .filter(({ isConstant }) => !isConstant)
      .map(({ fate }) => fate);
  }
}

/** The same data under a handle of its own, which no tidy frees. */
export function keptClone(tensor: tf.Tensor): tf.Tensor {
  const clone = unrecorded(() => tensor.clone());
  clone.kept = true;
  return clone;
}
