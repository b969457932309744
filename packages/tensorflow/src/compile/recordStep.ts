import { ScmoeError } from '@scmoe/errors';
import { withStaticShapes, type Flattened, type HostCall } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { withOwnKernels } from '../kernelCalls/withOwnKernels.js';
import { firstVariableId, Recorder } from '../recording/Recorder.js';
import type { RecordedInput, Recording } from '../recording/Recording.js';
import type { DataType } from '../binding/dataTypes.js';
import { asTensor } from './currentBackend.js';
import { allVariables, restore } from './keepingVariables.js';
import { expectArgumentsAlive, resultsOf, type Results } from './results.js';
import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';

/** A tensor that the step reads from outside. */
export interface CapturedTensor {
  /** Its number in TensorFlow when it was captured, by which it is known again. */
  readonly original: number;
  /** A tensor of our own with the same value; whoever has the recording deletes it. */
  readonly id: number;
}

/** A step as it was recorded, with what its inputs are. */
export interface RecordedStep {
  readonly recording: Recording;
  /** The variables that it reads or writes, by number in the recording. */
  readonly variables: readonly tf.Variable[];
  readonly captured: readonly CapturedTensor[];
  readonly results: Pick<Results, 'form' | 'rebuild'>;
  /** What the recording's calls of the host run, one for each. */
  readonly calls: readonly HostCall['run'][];
}

/** What is recorded. */
export interface RecordStepOptions {
  step: (...args: never[]) => unknown;
  /** What it is called with, every number a tensor by now. */
  args: Flattened;
  tensors: readonly tf.Tensor[];
  maxConstantBytes: number;
  /** Whether XLA is to compile it: then it may call kernels of ours. */
  compile: boolean;
}

/**
 * Runs a step on tensors without elements and notes down what it does. Afterwards all is as it was before, whether it ended well or
 * not: variables have their values, and nothing of the recording is left.
 */
export function recordStep(
  backend: TensorFlowBackend,
  { step, args, tensors, maxConstantBytes, compile }: RecordStepOptions,
): RecordedStep {
  const { tensorFlow } = backend;
  const known = allVariables();
  const variables: tf.Variable[] = [];
  const captured: CapturedTensor[] = [];
  const calls: HostCall['run'][] = [];
  const numberOf = (variable: tf.Variable) => {
    if (!variables.includes(variable)) variables.push(variable);
    return variables.indexOf(variable);
  };
  const outside = (id: number): Omit<RecordedInput, 'value' | 'line'> => {
    if (id <= firstVariableId) {
      const variable = known[firstVariableId - id]!;
      const { dtype, shape } = variable;
      return { source: 'variable', index: numberOf(variable), dtype: dtype, shape };
    }
    const { dtype, shape } = tensorFlow.describe(id);
    const [own] = tensorFlow.execute('Identity', [id]);
    captured.push({ original: id, id: own!.id });
    return { source: 'captured', index: captured.length - 1, dtype, shape };
  };
  const recorder = new Recorder({ graph: tensorFlow.createGraph(), outside, maxConstantBytes });
  const saved = known.map((variable) => tf.keep(variable.clone()));
  const run = () => {
    known.forEach((variable, i) => {
      const symbol = { id: firstVariableId - i, dtype: variable.dtype as DataType, shape: variable.shape };
      const tensor = asTensor(backend.adopt(symbol));
      variable.assign(tensor);
      tensor.dispose();
    });
    const inputs = tensors.map(({ dtype, shape }, i) =>
      asTensor(backend.adopt(recorder.argument(i, dtype as DataType, shape))),
    );
    const {
      tensors: outputs,
      form,
      rebuild,
    } = resultsOf(withStaticShapes(() => step(...(args.rebuild(inputs) as never[]))));
    expectArgumentsAlive(
      inputs,
      args.leaves.map(({ path }) => path),
    );
    expectSameVariables(known);
    const results = outputs.map((tensor) => recorder.valueOfTensor(backend.idOf(tensor)));
    // What is kept of the results is the caller's, in another tensor: this one has no numbers.
    const isOwn = (tensor: tf.Tensor) => !inputs.includes(tensor) && recorder.has(backend.idOf(tensor));
    tf.dispose(outputs.filter((tensor) => tensor.kept && !(tensor instanceof tf.Variable) && isOwn(tensor)));
    const updates = known.flatMap((variable, i) => {
      const id = backend.idOf(variable);
      if (id === firstVariableId - i) return [];
      return [{ index: numberOf(variable), value: recorder.valueOfTensor(id) }];
    });
    return { results, updates, form, rebuild };
  };
  try {
    return backend.withRecorder(recorder, calls, () => {
      let ended: ReturnType<typeof run> | undefined;
      try {
        tf.tidy(() => {
          ended = compile ? withOwnKernels(backend, run) : run();
        });
      } finally {
        known.forEach((variable, i) => restore(variable, saved[i]!));
        dropNewVariables(known);
      }
      const { results, updates, form, rebuild } = ended!;
      const recording = recorder.finish(results, updates);
      return { recording, variables, captured, results: { form, rebuild }, calls };
    });
  } catch (error) {
    for (const { id } of captured) tensorFlow.delete(id);
    throw error;
  } finally {
    recorder.close();
    tf.dispose(saved);
  }
}

function newVariables(known: readonly tf.Variable[]): tf.Variable[] {
  const before = new Set(known);
  return allVariables().filter((variable) => !before.has(variable));
}

function dropNewVariables(known: readonly tf.Variable[]): void {
  for (const variable of newVariables(known)) variable.dispose();
}

function expectSameVariables(known: readonly tf.Variable[]): void {
  const [made] = newVariables(known);
  if (made) {
    throw new ScmoeError(
      `compileStep: the step makes the variable '${made.name}' in a later call than its first: expected all variables to exist ` +
        'after the first call, and before it with { eagerFirst: false }',
    );
  }
  const gone = known.find(({ isDisposed }) => isDisposed);
  if (gone) throw new ScmoeError(`compileStep: the step disposes the variable '${gone.name}'`);
}
