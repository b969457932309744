import type * as tf from '@tensorflow/tfjs';

/** One operation as TF.js's engine recorded it. */
export interface TapeNode {
  kernelName: string;
  inputs: Record<string, tf.Tensor>;
  outputs: tf.Tensor[];
  saved?: tf.Tensor[];
  gradient?: (dys: (tf.Tensor | null)[]) => Record<string, () => tf.Tensor>;
}

/** A recorded operation that lies between the sources and the result, with the inputs a gradient has to reach. */
export interface PathNode {
  node: TapeNode;
  inputs: [name: string, input: tf.Tensor][];
}

/**
 * The operations through which `results` depend on `sources`, in the order they ran. Linear in the length of the tape.
 *
 * Only float32 tensors carry a gradient: nothing is followed through integers and booleans.
 */
export function tapePath(tape: TapeNode[], sources: Iterable<tf.Tensor>, results: Iterable<tf.Tensor>): PathNode[] {
  const reached = new Set<number>();
  for (const source of sources) reached.add(source.id);
  const forward: PathNode[] = [];
  for (const node of tape) {
    const inputs = Object.entries(node.inputs).filter(([, input]) => input && reached.has(input.id));
    if (inputs.length === 0) continue;
    forward.push({ node, inputs });
    for (const output of node.outputs) if (output.dtype === 'float32') reached.add(output.id);
  }

  const needed = new Set<number>();
  for (const result of results) needed.add(result.id);
  const path: PathNode[] = [];
  for (const step of forward.reverse()) {
    if (!step.node.outputs.some((output) => needed.has(output.id))) continue;
    for (const [, input] of step.inputs) needed.add(input.id);
    path.push(step);
  }
  return path.reverse();
}
