import { ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { FirstPass, keptClone, type Fate } from './FirstPass.js';
import { isRecording, recordingOn } from './recording.js';
import { Tape } from './Tape.js';
import type { TapeNode } from './tapePath.js';
import { mapTensors, tensorsIn } from './tensorsIn.js';

/** What is kept of a part that is computed twice, so that the second time is cheaper. */
export interface RecomputedOptions {
  /** Names of native kernels whose outputs are kept: what costs much for the memory that it takes. Default: none. */
  keep?: ReadonlySet<string>;
  /**
   * Whether to keep what `memo` is given of large results, such as those of exchanges between ranks, which then happen once.
   * Asked when there is one. Default: always.
   */
  keepLarge?: () => boolean;
}

/** A part of a forward pass on the tape that has kept nothing but its inputs. */
export interface RecomputedNode extends TapeNode {
  /** Runs it again: the tape that the first pass would have left, and its outputs in the order of the node's. */
  runAgain: () => { tape: TapeNode[]; outputs: tf.Tensor[] };
}

/** A result that the first pass leaves to the second. */
export interface Memo<Value> {
  /** What the first pass has left; undefined in the first pass. */
  readonly value: Value | undefined;
  /** Leaves it to the second pass; a tensor stays the caller's own. */
  leave(value: Value): void;
}

interface Pass {
  readonly region: Region;
  /** The tape of the second pass; undefined in the first. */
  readonly again?: Tape;
  numMemos: number;
}

/** The pass through a part that runs now. */
let running: Pass | undefined;
/**
 * `body(inputs)`, of which a gradient by `valueAndGrads` keeps the inputs alone: what else it needs is computed once more
 * when the backward pass comes there. The gradients are the same, bit for bit, for it is the same operations in the same
 * order; what nothing needs by then is left out. Values and everything else that is seen of it are those of the first pass.
 *
 * Everywhere else, such as in inference, under TF.js's own gradients and inside of another such part, it is `body(inputs)`.
 *
 * @param inputs what `body` reads besides variables and what lives as long as the step: tensors, in plain objects and
 *   arrays, among other things
 * @param body has to do the same again: what is random in it follows from a seed, and what counts anything asks
 *   `isRunningAgain`
 * @throws ScmoeError in the backward pass where it did something else, or reads a tensor that is gone and that `inputs` has not
 */
export function recomputed<Inputs extends object, Result extends object>(
  inputs: Inputs,
  body: (inputs: Inputs) => Result,
  { keep = new Set(), keepLarge = () => true }: RecomputedOptions = {},
): Result {
  const tape = tf.engine().state.activeTape as unknown;
  // TF.js's own gradients, with a tape of their own, would not know what to do with such a part.
  if (running || !isRecording() || !(tape instanceof Tape)) return body(inputs);
  const region = new Region(body as unknown as (inputs: object) => object, inputs, keep, keepLarge);
  const { node, result } = region.runFirst();
  tape.push(node);
  return result as Result;
}

/** Whether a part runs for the second time: what counts, measures or shows what happens has seen it already. */
export function isRunningAgain(): boolean {
  return running?.again !== undefined;
}

/**
 * A place where the first pass leaves a result for the second, which asks for its memos in the same order. Undefined where
 * there is nobody to leave it to: what is asked for has to be done. A result that `isLarge` is left only where the part keeps such.
 */
export function memo<Value>({ isLarge }: { isLarge: boolean }): Memo<Value> | undefined {
  if (!running || (isLarge && !running.region.keepsLarge)) return undefined;
  return running.region.memo(running.numMemos++) as Memo<Value>;
}

/** Runs what belongs to no pass: kernels do in it what they do in a first one. */
export function outsidePasses<Result>(run: () => Result): Result {
  const outer = running;
  running = undefined;
  try {
    return run();
  } finally {
    running = outer;
  }
}

/** What the kernel that is about to run has to do, where it runs again; and what it gave. */
export function fateOfKernel(kernelName: string): { fate: Fate; outputs: readonly tf.TensorInfo[] } | undefined {
  if (!running?.again) return undefined;
  const { kernelDepth } = tf.engine().state;
  // Inside of another operation, or on no tape.
  if (kernelDepth !== 1 || !isRecording()) return undefined;
  return running.region.fateOf(running.again.length, kernelName);
}

/** A part of a forward pass that is computed twice. */
class Region {
  private readonly kept: tf.Tensor[] = [];
  private readonly memos: unknown[] = [];
  private first: FirstPass | undefined;
  /** Where the outputs that a gradient comes back to are among the tensors of the result. */
  private places: number[] = [];

  constructor(
    private readonly body: (inputs: object) => object,
    private readonly inputs: object,
    private readonly keep: ReadonlySet<string>,
    private readonly keepLarge: () => boolean,
  ) {}

  get keepsLarge(): boolean {
    return this.keepLarge();
  }

  runFirst(): { node: RecomputedNode; result: object } {
    const firstId = nextTensorId();
    const pass = (this.first = new FirstPass(firstId, this.keep));
    const run = () => tidyObject(() => this.body(this.inputs));
    try {
      const result = this.in({ numMemos: 0 }, () =>
        recordingOn(pass.tape({ isConstant: false }), run, pass.tape({ isConstant: true })),
      );
      const given = mapTensors(this.inputs, (tensor) => this.own(tensor));
      const seen = new Set<number>();
      const outputs = tensorsIn(result).filter(({ id, dtype }, place) => {
        if (id < firstId || dtype !== 'float32' || seen.has(id)) return false;
        seen.add(id);
        this.places.push(place);
        return true;
      });
      const node: RecomputedNode = {
        kernelName: 'ScmoeRecomputed',
        inputs: Object.fromEntries([...pass.read].map(([id, tensor]) => [String(id), tensor])),
        outputs,
        saved: [...this.kept, ...pass.kept()],
        runAgain: () => this.runAgain(given),
      };
      return { node, result };
    } catch (error) {
      tf.dispose([...this.kept, ...pass.kept()]);
      throw error;
    }
  }

  memo(index: number): Memo<unknown> {
    return new LeftMemo(this.memos[index], (value) => {
      const tensor = value instanceof tf.Tensor ? (value as tf.Tensor) : undefined;
      this.memos[index] = tensor ? this.own(tensor) : value;
      if (tensor) this.first!.give(tensor);
    });
  }

  fateOf(index: number, kernelName: string): { fate: Fate; outputs: readonly tf.TensorInfo[] } {
    this.expectSame(index, kernelName);
    return { fate: this.first!.fateOf(index), outputs: this.first!.outputsOf(index) };
  }

  private runAgain(given: object): { tape: TapeNode[]; outputs: tf.Tensor[] } {
    const original = new Map<number, tf.Tensor>();
    const before = tensorsIn(this.inputs);
    tensorsIn(given).forEach((clone, i) => original.set(clone.id, before[i]!));
    for (const tensor of this.first!.read.values()) this.expectThere(tensor, before);
    const tape = new Tape();
    let outputs: tf.Tensor[] = [];
    const run = () =>
      tf.tidy(() => {
        const made = tensorsIn(this.body(given));
        outputs = this.places.map((place) => made[place]!);
      });
    try {
      this.in({ again: tape, numMemos: 0 }, () => recordingOn(tape, run));
      const length = Math.max(tape.length, this.first!.kernelNames.length);
      for (let i = 0; i < length; i++) this.expectSame(i, tape[i]?.kernelName);
    } catch (error) {
      for (const node of tape) tf.dispose(node.saved ?? []);
      throw error;
    }
    // What the gradients are of is the tensors that the first pass got.
    for (const node of tape) {
      const inputs = Object.entries(node.inputs).map(([name, input]) => [name, original.get(input?.id) ?? input]);
      node.inputs = Object.fromEntries(inputs) as TapeNode['inputs'];
    }
    return { tape: tape, outputs };
  }

  private in<Result>(pass: Omit<Pass, 'region'>, run: () => Result): Result {
    running = { region: this, ...pass };
    try {
      return run();
    } finally {
      running = undefined;
    }
  }

  /** The tensor under a handle that lives until the second pass; variables do anyway. */
  private own(tensor: tf.Tensor): tf.Tensor {
    if (tensor instanceof tf.Variable) return tensor;
    const clone = keptClone(tensor);
    this.kept.push(clone);
    return clone;
  }

  private expectSame(index: number, got: string | undefined): void {
    const names = this.first!.kernelNames;
    if (names[index] === got) return;
    throw new ScmoeError(
      `recomputed: expected the second pass to do what the first did, got ${got ?? 'nothing'} in the place of ${names[index] ?? 'nothing'} (operation ${index + 1} of ${names.length})`,
    );
  }

  private expectThere(tensor: tf.Tensor, given: readonly tf.Tensor[]): void {
    if (!tensor.isDisposed || given.some(({ id }) => id === tensor.id)) return;
    throw new ScmoeError(
      `recomputed: expected the inputs to have all tensors that are freed before the backward pass, got one less, float32 of shape [${tensor.shape.join(', ')}]`,
    );
  }
}

/** What it refers to is private, so that a tidy which looks for tensors in it finds none. */
class LeftMemo<Value> implements Memo<Value> {
  readonly #value: Value | undefined;
  readonly #leave: (value: Value) => void;

  constructor(value: Value | undefined, leave: (value: Value) => void) {
    this.#value = value;
    this.#leave = leave;
  }

  get value(): Value | undefined {
    return this.#value;
  }

  leave(value: Value): void {
    this.#leave(value);
  }
}

function nextTensorId(): number {
  return (tf.engine() as unknown as { nextTensorId: () => number }).nextTensorId();
}

function tidyObject(compute: () => object): object {
  return tf.tidy(compute as unknown as () => tf.TensorContainerObject);
}
