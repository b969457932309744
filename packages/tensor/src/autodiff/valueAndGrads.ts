import { ArgumentError, ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { withGradientsSoFar } from './gradientSoFar.js';
import { InputSums } from './InputSums.js';
import type { RecomputedNode } from './recomputed.js';
import { recordingOn } from './recording.js';
import { Tape } from './Tape.js';
import { tapePath, type PathNode, type TapeNode } from './tapePath.js';

/** Options of `valueAndGrads`. */
export interface ValueAndGradsOptions {
  /**
   * Gets each variable's gradient as soon as it is final, which is before the backward pass ends: the earliest
   * moment at which it can be exchanged between ranks. The tensor is the one that is returned; do not dispose it here.
   */
  onGrad?: (name: string, grad: tf.Tensor) => void;
  /** Give variables that the loss does not depend on a gradient of zeros instead of throwing. */
  allowUnused?: boolean;
}

/**
 * The value of a scalar loss and its gradients with respect to `variables`, like `tf.variableGrads`, but
 * - the backward pass frees saved tensors and intermediate gradients as soon as nothing needs them any more,
 * - finding the operations on the path is linear in their number,
 * - `onGrad` hears of each gradient when it becomes final.
 *
 * Operations are visited in the exact reverse of the order they ran in. The gradient is a constant: it can't be
 * differentiated again. No gradient flows through integer or boolean tensors.
 *
 * @param loss runs the operations; everything it creates except its result is freed when it returns. A `tf.tidy` around
 *   each block inside frees that block's tensors earlier, except those that its gradient needs.
 * @returns `value` (scalar) and `grads` by name, each with its variable's shape; the caller disposes them.
 * @throws ScmoeError where the loss is no float32 scalar, a variable has no influence on it, or an operation on the way has
 *   no gradient. Nothing is left behind then.
 */
export function valueAndGrads(
  loss: () => tf.Tensor,
  variables: Record<string, tf.Variable>,
  { onGrad, allowUnused = false }: ValueAndGradsOptions = {},
): { value: tf.Scalar; grads: Record<string, tf.Tensor> } {
  const nameOf = namesById(variables);
  const { value, tape } = record(loss);
  const gradients = new Map<number, tf.Tensor>();
  try {
    if (value.rank !== 0 || value.dtype !== 'float32') {
      throw new ArgumentError(
        `loss: expected a float32 scalar, got ${value.dtype} of shape [${value.shape.join(', ')}]`,
      );
    }
    const path = tapePath(tape, Object.values(variables), [value]);
    const uses = countUses(path, nameOf);
    const zerosFor = (unused: string[]) => {
      if (unused.length > 0 && !allowUnused) {
        throw new ArgumentError(
          `loss: expected to depend on every variable, got no path to ${unused.map((name) => `'${name}'`).join(', ')}`,
        );
      }
      for (const name of unused) {
        const zeros = tf.zerosLike(variables[name]!);
        gradients.set(variables[name]!.id, zeros);
        onGrad?.(name, zeros);
      }
    };
    zerosFor(Object.keys(variables).filter((name) => !uses.has(variables[name]!.id)));
    freeSavedOffPath(tape, path);

    gradients.set(value.id, tf.onesLike(value));
    for (let step = path.pop(); step; step = path.pop()) {
      const { node, inputs } = step;
      let used: tf.Tensor[];
      if (isRecomputed(node)) {
        const again = runAgain(node, inputs, gradients, tape);
        for (const [id, count] of countUses(again, nameOf)) uses.set(id, uses.get(id)! + count);
        path.push(...again);
        used = inputs.map(([, input]) => input);
      } else {
        used = backpropagate(step, gradients);
      }
      for (const input of used) {
        const left = uses.get(input.id);
        if (left === undefined) continue;
        uses.set(input.id, left - 1);
        const gradient = gradients.get(input.id);
        if (left === 1 && gradient) onGrad?.(nameOf.get(input.id)!, gradient);
      }
    }
    // What a part that was computed twice reads, but not on the way to the loss.
    zerosFor(Object.keys(variables).filter((name) => !gradients.has(variables[name]!.id)));
  } catch (error) {
    tf.dispose([value, ...gradients.values()]);
    throw error;
  } finally {
    freeAll(tape);
  }
  const grads = Object.entries(variables).map(([name, { id }]) => [name, gradients.get(id)!] as const);
  return { value: value as tf.Scalar, grads: Object.fromEntries(grads) };
}

function namesById(variables: Record<string, tf.Variable>): Map<number, string> {
  const names = new Map<number, string>();
  for (const [name, { id, dtype }] of Object.entries(variables)) {
    const other = names.get(id);
    if (other !== undefined)
      throw new ArgumentError(`variables: expected each once, got one as '${other}' and '${name}'`);
    if (dtype !== 'float32')
      throw new ArgumentError(`variables: expected float32, which has a gradient, got '${name}' of ${dtype}`);
    names.set(id, name);
  }
  return names;
}

/** Runs the loss while the engine records it, and takes the recording away from the engine. */
function record(loss: () => tf.Tensor): { value: tf.Tensor; tape: Tape } {
  const { state } = tf.engine();
  if (state.gradientDepth > 0) {
    throw new ScmoeError('valueAndGrads can not be called while another gradient is being recorded');
  }
  const tape = new Tape();
  try {
    const value = recordingOn(tape, () =>
      tf.tidy('forward', () => {
        const result = loss();
        if (!(result instanceof tf.Tensor)) throw new ArgumentError(`loss: expected a tensor, got ${describe(result)}`);
        // A variable or another tensor from outside must not be handed to the caller as if it were ours.
        return result.scopeId === state.activeScope.id ? result : result.clone();
      }),
    );
    return { value, tape };
  } catch (error) {
    freeAll(tape);
    throw error;
  }
}

function freeAll(tape: Tape): void {
  for (const node of tape) tf.dispose(node.saved ?? []);
  tf.dispose(tape.held);
}

/** How often each variable is an input on the path; its gradient is final when all of these have been visited. */
function countUses(path: PathNode[], nameOf: Map<number, string>): Map<number, number> {
  const uses = new Map<number, number>();
  for (const { inputs } of path) {
    for (const [, { id }] of inputs) if (nameOf.has(id)) uses.set(id, (uses.get(id) ?? 0) + 1);
  }
  return uses;
}

function freeSavedOffPath(tape: TapeNode[], path: PathNode[]): void {
  const onPath = new Set(path.map(({ node }) => node));
  for (const node of tape) if (!onPath.has(node)) tf.dispose(node.saved ?? []);
}

function isRecomputed(node: TapeNode): node is RecomputedNode {
  return 'runAgain' in node;
}

/**
 * Runs a part again that has kept its inputs alone, and hands the gradients of its outputs to those of the second pass.
 *
 * @param tape gets what is recorded, for whoever frees it in the end
 * @returns the operations through which those gradients go back to `inputs`
 */
function runAgain(
  node: RecomputedNode,
  inputs: PathNode['inputs'],
  gradients: Map<number, tf.Tensor>,
  tape: TapeNode[],
): PathNode[] {
  const again = node.runAgain();
  tape.push(...again.tape);
  tf.dispose(node.saved ?? []);
  const reached = again.outputs.filter((output, i) => {
    const { id } = node.outputs[i]!;
    const gradient = gradients.get(id);
    if (!gradient) return false;
    gradients.delete(id);
    gradients.set(output.id, gradient);
    return true;
  });
  const sources = inputs.map(([, input]) => input);
  const path = tapePath(again.tape, sources, reached);
  freeSavedOffPath(again.tape, path);
  return path;
}

/**
 * Takes one operation's gradient: reads the gradients of its outputs, adds to those of its inputs, frees what only this
 * operation needed.
 *
 * @returns the inputs it reached, once for each use.
 */
function backpropagate({ node, inputs }: PathNode, gradients: Map<number, tf.Tensor>): tf.Tensor[] {
  const known = node.outputs.map((output) => gradients.get(output.id));
  const sums = new InputSums(inputs, gradients);
  const contributions = tf.tidy(() => {
    // An output that nothing depends on: TF.js fills in zeros of its size, which costs as much as a kernel. Our fused
    // operations know the output by its empty gradient instead.
    const absent = node.kernelName.startsWith('Scmoe') ? tf.zeros([0]) : null;
    const dys = known.map((dy) => dy ?? absent);
    return withGradientsSoFar(sums.find, () => inputGradients(node, inputs, dys));
  });
  for (const output of node.outputs) gradients.delete(output.id);
  tf.dispose(known.filter((dy) => dy !== undefined));
  tf.dispose(node.saved ?? []);

  return inputs.map(([, input], i) => {
    sums.add(input, contributions[i]!);
    return input;
  });
}

/** A tensor of its own for each input, created in the current scope. */
function inputGradients(node: TapeNode, inputs: PathNode['inputs'], dys: (tf.Tensor | null)[]): tf.Tensor[] {
  if (!node.gradient)
    throw new ScmoeError(`No gradient is registered for ${node.kernelName}, which the loss goes through`);
  const gradientOf = node.gradient(dys);
  const taken = new Set<number>();
  return inputs.map(([name, input]) => {
    const gradient = gradientOf[name]?.();
    if (!gradient) throw new ScmoeError(`The gradient of ${node.kernelName} gives none for its input '${name}'`);
    if (gradient.dtype !== 'float32' || !tf.util.arraysEqual(gradient.shape, input.shape)) {
      throw new ScmoeError(
        `The gradient of ${node.kernelName} for its input '${name}' must be float32 of shape [${input.shape.join(', ')}], ` +
          `got ${gradient.dtype} of shape [${gradient.shape.join(', ')}]`,
      );
    }
    // A gradient function may hand back dy itself, a saved tensor, or one tensor twice; those are freed separately.
    const own = gradient.scopeId === tf.engine().state.activeScope.id && !gradient.kept && !taken.has(gradient.id);
    const result = own ? gradient : gradient.clone();
    taken.add(result.id);
    return result;
  });
}

function describe(result: unknown): string {
  return result instanceof Promise ? 'a promise (it must not be async)' : typeof result;
}
