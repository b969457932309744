import {
  ArgumentError,
  expectBoolean,
  expectPositiveInteger,
  expectThat,
  expectWholeNumber,
  ScmoeError,
} from '@scmoe/errors';
import { flatten, withStaticShapes, type Flattened } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { TensorFlowBackend } from '../backend/TensorFlowBackend.js';
import { CompiledForm } from './CompiledForm.js';
import { keepingVariables } from './keepingVariables.js';
import { recordStep } from './recordStep.js';
import { expectArgumentsAlive, resultsOf } from './results.js';
import { currentBackend } from './currentBackend.js';

/** Options of `compileStep`. */
export interface CompileStepOptions {
  /** Forms that are kept compiled, each for arguments of other shapes: 8 by default. The one not used for longest goes first. */
  cacheSize?: number;
  /**
   * The most bytes of a tensor that the step makes on the host, unless all elements are equal: 65,536 by default. It becomes a
   * constant of the compiled step.
   */
  maxConstantBytes?: number;
  /**
   * Whether the first call runs the step as it stands, so that layers and optimizers make their variables: true by default. Without,
   * each call is the compiled one, with the same bits whenever a program starts; all variables have to be there then.
   */
  eagerFirst?: boolean;
  /** Whether XLA compiles the step. Where not, TensorFlow runs its operations one by one, in one call: for those XLA has not. */
  compile?: boolean;
}

/** What is handed to a compiled step where the step itself takes `Argument`: a number for a scalar. */
export type StepArgument<Argument> = Argument extends tf.Scalar
  ? Argument | number
  : Argument extends tf.Tensor | string | boolean | null | undefined
    ? Argument
    : { [Key in keyof Argument]: StepArgument<Argument[Key]> };

/** A step that runs as one call of TensorFlow. */
export interface CompiledStep<Arguments extends unknown[], Result> {
  /** Runs the step. @returns new tensors, the caller's to dispose */
  (...args: { [Key in keyof Arguments]: StepArgument<Arguments[Key]> }): Result;
  /** Forms that are compiled now: the operations that each consists of, the pieces between calls of the host, and its calls. */
  forms(): { operations: number; pieces: number; calls: number }[];
  /** Frees all that was compiled. Variables keep their values, as ordinary variables. */
  dispose(): void;
}

/**
 * Makes one compiled call of a function over TF.js: a training step with forward pass, gradients, clipping and any optimizer, an
 * evaluation, whatever consists of tensors. On backend `tensorflow`, which has to be the current one at each call.
 *
 * The first call runs the step as it stands, so that layers and optimizers make their variables. The second records its operations,
 * has XLA compile them for the shapes of its arguments, and runs that; further calls run it. Variables are read and written
 * in place, and stay ordinary variables to the program. Numbers among the arguments are scalars (float32) to the step.
 *
 * Nothing that changes from call to call is frozen: the 2nd, 4th, 8th, ... call of the compiled form records the step again, and
 * an error says at which line of the program it differs.
 *
 * @param step gives a tensor, or an array or object of tensors. It reads no tensor and disposes no argument.
 * @throws ScmoeError at the call that meets it, where the step can't be compiled or is not the same at each call. Variables
 *   have the values then that they had before the call.
 */
export function compileStep<Arguments extends unknown[], Result>(
  step: (...args: Arguments) => Result,
  options: CompileStepOptions = {},
): CompiledStep<Arguments, Result> {
  expectThat(typeof step === 'function', 'compileStep: step', 'a function', step);
  const { cacheSize = 8, maxConstantBytes = 65_536, eagerFirst = true, compile = true } = options;
  expectPositiveInteger('compileStep: cacheSize', cacheSize);
  expectWholeNumber('compileStep: maxConstantBytes', maxConstantBytes);
  expectBoolean('compileStep: eagerFirst', eagerFirst);
  expectBoolean('compileStep: compile', compile);
  const compiled = new StepCompiler(step, { cacheSize, maxConstantBytes, eagerFirst, compile });
  return Object.assign((...args: unknown[]) => compiled.call(args) as Result, {
    forms: () => compiled.report(),
    dispose: () => compiled.dispose(),
  });
}

type AnyStep = (...args: never[]) => unknown;

class StepCompiler {
  private readonly step: AnyStep;
  private readonly options: Required<CompileStepOptions>;
  /** The compiled forms by the shapes of arguments; the one used last is the last. */
  private readonly forms = new Map<string, CompiledForm>();
  /** Whether variables that the step makes may be there. */
  private hasRun: boolean;
  private isRunning = false;
  /** Why no further call is possible. */
  private failure: string | undefined;

  constructor(step: AnyStep, options: Required<CompileStepOptions>) {
    this.step = step;
    this.options = options;
    this.hasRun = !options.eagerFirst;
  }

  call(args: unknown[]): unknown {
    if (this.failure !== undefined) throw new ScmoeError(this.failure);
    if (this.isRunning) throw new ScmoeError('compileStep: a compiled step was called within itself');
    if (tf.engine().state.gradientDepth > 0) {
      throw new ScmoeError('compileStep: a compiled step was called while a gradient is taken: none flows through it');
    }
    const flat = flatten(args, 'args', 'compileStep');
    const tensors = flat.leaves.map(({ path, value }) => {
      if (typeof value === 'number') return tf.scalar(value, 'float32');
      if (value.isDisposed)
        throw new ArgumentError(`compileStep: ${path}: expected a tensor, got one that was disposed`);
      return value;
    });
    this.isRunning = true;
    try {
      return this.runOn(currentBackend(), flat, tensors);
    } finally {
      this.isRunning = false;
      tensors.forEach((tensor, i) => {
        if (tensor !== flat.leaves[i]!.value) tensor.dispose();
      });
    }
  }

  report(): ReturnType<CompiledStep<[], unknown>['forms']> {
    return [...this.forms.values()].map(({ operations, numPieces, calls }) => ({
      operations,
      pieces: numPieces,
      calls,
    }));
  }

  dispose(): void {
    for (const form of this.forms.values()) form.dispose();
    this.forms.clear();
    this.failure = 'compileStep: a compiled step was called after its dispose()';
  }

  private runOn(backend: TensorFlowBackend, args: Flattened, tensors: readonly tf.Tensor[]): unknown {
    if (!this.hasRun) {
      const result = keepingVariables(() => this.runEagerly(args, tensors));
      this.hasRun = true;
      return result;
    }
    const types = tensors.map(({ dtype, shape }) => `${dtype}[${shape.join(',')}]`);
    const key = `${args.form} ${types.join(' ')}`;
    let form = this.forms.get(key);
    if (!form) {
      form = new CompiledForm(backend, this.record(backend, args, tensors), this.options);
    } else if (isPowerOfTwo(form.calls + 1)) {
      this.expectSame(backend, form, args, tensors);
    }
    this.forms.delete(key);
    this.forms.set(key, form);
    const [oldest] = this.forms;
    if (this.forms.size > this.options.cacheSize) {
      oldest![1].dispose();
      this.forms.delete(oldest![0]);
    }
    return form.run(tensors);
  }

  /** The first call: on tensors of its own, so that what belongs to the caller can be told to be whole. */
  private runEagerly(args: Flattened, tensors: readonly tf.Tensor[]): unknown {
    const own = tensors.map((tensor) => tensor.clone());
    const paths = args.leaves.map(({ path }) => path);
    let result: unknown;
    try {
      result = withStaticShapes(() => this.step(...(args.rebuild(own) as never[])));
      const { tensors: outputs, rebuild } = resultsOf(result);
      expectArgumentsAlive(own, paths);
      const isOutside = (tensor: tf.Tensor) => own.includes(tensor) || tensor instanceof tf.Variable;
      const fresh = outputs.map((tensor) => (isOutside(tensor) ? tensor.clone() : tensor));
      return rebuild(fresh);
    } finally {
      tf.dispose(own);
    }
  }

  private record(backend: TensorFlowBackend, args: Flattened, tensors: readonly tf.Tensor[]) {
    const { maxConstantBytes, compile } = this.options;
    return recordStep(backend, { step: this.step, args, tensors, maxConstantBytes, compile });
  }

  private expectSame(
    backend: TensorFlowBackend,
    form: CompiledForm,
    args: Flattened,
    tensors: readonly tf.Tensor[],
  ): void {
    const again = this.record(backend, args, tensors);
    for (const { id } of again.captured) backend.tensorFlow.delete(id);
    const difference = form.differenceTo(again);
    if (difference === undefined) return;
    this.failure = `compileStep: the step is not the same at each call: ${difference}`;
    throw new ScmoeError(this.failure);
  }
}

function isPowerOfTwo(n: number): boolean {
  return n > 1 && Number.isInteger(Math.log2(n));
}
