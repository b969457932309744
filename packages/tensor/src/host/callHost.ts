import * as tf from '@tensorflow/tfjs';

/** What a function that may be recorded has the host do: an exchange with other ranks that starts, or is waited for. */
export interface HostCall {
  /** What it does, the same each time the function runs. */
  readonly name: string;
  readonly inputs: readonly tf.Tensor[];
  /** Types and shapes of what `run` gives. */
  readonly outputs: readonly { readonly dtype: tf.DataType; readonly shape: readonly number[] }[];
  /**
   * Whether all that stands before it has to be computed by then, and nothing else: true by default. Otherwise it may come later,
   * with the next call that is a cut or, where it has no inputs, earlier, right after the one before: it makes no piece of its own.
   */
  readonly isCut?: boolean;
  /** Is given the inputs, which stay the caller's, and gives new tensors. */
  readonly run: (inputs: readonly tf.Tensor[]) => tf.Tensor[];
}

/** A backend that can note operations down instead of running them. */
interface RecordingBackend {
  /** Notes a call down while operations are noted down; else undefined, and nothing is done. */
  recordCall(call: HostCall): tf.Tensor[] | undefined;
}

/**
 * Has the host do something in the midst of a function over tensors. It is done at once or, where a compiled step is being recorded,
 * at each call of the step: the step is cut there.
 *
 * @returns what it gives, of these shapes; tensors without elements while the step is recorded
 */
export function callHost(call: HostCall): tf.Tensor[] {
  const backend = tf.backend() as Partial<RecordingBackend>;
  return backend.recordCall?.(call) ?? call.run(call.inputs);
}
