/** A function over tensors that runs as one call of its backend. */
export interface CompiledFunction<Arguments extends unknown[], Result> {
  /** Runs it. @returns new tensors, the caller's to dispose */
  (...args: Arguments): Result;
  /** Frees what was compiled. Variables keep their values. */
  dispose(): void;
}

/**
 * What a backend makes of a function over tensors, from its first call on: one call, with the same numbers but for rounding. Arguments
 * and results are tensors, or arrays and plain objects of them; the function reads none, disposes no argument, and finds all of its
 * variables made. `compileStep` of @scmoe/tensorflow says what else it may not do, and refuses it.
 */
export type CompileFunction = <Arguments extends unknown[], Result>(
  compute: (...args: Arguments) => Result,
) => CompiledFunction<Arguments, Result>;
