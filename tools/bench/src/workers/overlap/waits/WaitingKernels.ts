import * as tf from '@tensorflow/tfjs';

import { KernelLengths, type KernelForm, type OutputForm, type TimedCall, type TimedCalls } from './KernelLengths.js';
import { Sleep } from './Sleep.js';
import type { Turns } from './Turns.js';

type Call = Parameters<tf.KernelFunc>[0];

/** What the backend of our kernels can do besides what TF.js knows of. */
interface Memory {
  output(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo;
  alias(tensor: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo;
  values(tensor: tf.TensorInfo): tf.TypedArray;
}

/** Whole numbers that kernels made in one step, by the kernel's key and in the order of its calls: slots and counts. */
type WholeNumbers = Map<string, tf.TypedArray[][]>;

/** Shorter ones compute: there is little to wait for. */
const leastMs = 0.05;

/** They hand on what there is. */
const computesNothing = new Set(['Identity', 'Reshape', 'ExpandDims']);

/**
 * The kernels of backend `scmoe` with another behaviour on request: they compute, compute and are timed, or wait as long as they were
 * timed to take. All around a kernel is as ever: JavaScript, memory, tape, plans, communication. Only cores have nothing to do, so that
 * more ranks than cores run as if each had one.
 *
 * What waits writes nothing, and floats are what happens to be in memory. Whole numbers, by which rows travel, are those of the step
 * that was timed, so that there are as many rows for everyone.
 */
export class WaitingKernels {
  private readonly lengths = new KernelLengths();
  private readonly known = new Map<string, WholeNumbers>();
  private readonly sleep = new Sleep();
  private run: ((name: string, call: Call, compute: tf.KernelFunc) => ReturnType<tf.KernelFunc>) | undefined;
  private isInside = false;

  constructor(private readonly turns: Turns) {
    for (const config of tf.getKernelsForBackend('scmoe')) {
      const { kernelName, backendName, kernelFunc } = config;
      if (computesNothing.has(kernelName)) continue;
      tf.unregisterKernel(kernelName, backendName);
      tf.registerKernel({ ...config, kernelFunc: (call) => this.call(kernelName, call, kernelFunc) });
    }
  }

  /** Whether a step of this name was timed. */
  knows(step: string): boolean {
    return this.known.has(step);
  }

  /**
   * Runs a step whose kernels are timed. Where a step of this name was timed before, its whole numbers are kept, so that kernels have as
   * many rows as then. Returns the calls.
   */
  async timed(name: string, run: () => Promise<void>): Promise<TimedCall[]> {
    const known = this.known.get(name);
    const numbers: WholeNumbers = new Map();
    const nthCall = counter();
    const calls: TimedCall[] = [];
    this.run = (kernelName, call, compute) =>
      this.turns.take(() => {
        const key = this.keyOf(kernelName, call);
        const began = performance.now();
        const result = compute(call);
        const ms = performance.now() - began;
        const outputs = [result].flat();
        const form = outputs.map((output) => formOf(output, call));
        calls.push({ key, ms, form: { outputs: form, isSingle: !Array.isArray(result) } });
        if (!isDecision(call, form)) return result;
        const decided = outputs.filter(isWhole).map((output) => memoryOf(call).values(output));
        const nth = nthCall(key);
        if (known) decided.forEach((values, i) => values.set(known.get(key)![nth]![i]!));
        else numbers.set(key, [...(numbers.get(key) ?? []), decided.map((values) => values.slice())]);
        return result;
      });
    await this.during(run);
    if (!known) this.known.set(name, numbers);
    return calls;
  }

  /** Remembers calls that were timed together. Returns whether the ranks had agreed on all of their lengths before. */
  add(calls: readonly TimedCall[]): boolean {
    const wereKnown = calls.every(({ key }) => this.lengths.has(key));
    this.lengths.add(calls);
    return wereKnown;
  }

  /** Makes the lengths of the kernels that were timed those of all ranks. A collective, by what gathers the texts of all ranks. */
  async agree(gather: (text: string) => Promise<string[]>): Promise<void> {
    const texts = await gather(JSON.stringify(this.lengths.timed()));
    this.lengths.agree(texts.map((text) => JSON.parse(text) as TimedCalls));
  }

  /** Runs a step that was timed under this name, whose kernels wait. */
  async waiting<Result>(name: string, step: () => Promise<Result>): Promise<Result> {
    const numbers = this.known.get(name);
    if (!numbers) throw new Error(`waits: expected a step that was timed, got ${name}`);
    const nthCall = counter();
    this.run = (kernelName, call, compute) => {
      const began = performance.now();
      const key = this.keyOf(kernelName, call);
      const form = this.lengths.get(key);
      if (!form) throw new Error(`waits: expected calls as in the step that was timed (${name}), got ${key}`);
      const decided = isDecision(call, form.outputs);
      if (form.ms < leastMs && !decided) return compute(call);
      const made = form.outputs.map((output) => make(output, call));
      if (decided) {
        const values = numbers.get(key)![nthCall(key)]!;
        made.filter(isWhole).forEach((output, i) => memoryOf(call).values(output).set(values[i]!));
      }
      this.sleep.until(began, form.ms);
      return form.isSingle ? made[0]! : made;
    };
    return this.during(step);
  }

  private async during<Result>(step: () => Promise<Result>): Promise<Result> {
    try {
      return await step();
    } finally {
      this.run = undefined;
    }
  }

  private call(name: string, call: Call, compute: tf.KernelFunc): ReturnType<tf.KernelFunc> {
    // What a kernel calls is in its time.
    if (!this.run || this.isInside) return compute(call);
    this.isInside = true;
    try {
      return this.run(name, call, compute);
    } finally {
      this.isInside = false;
    }
  }

  private keyOf(kernelName: string, { inputs, attrs }: Call): string {
    return this.lengths.keyOf(kernelName, inputs as Record<string, tf.TensorInfo>, attrs as Record<string, unknown>);
  }
}

/** Counts the calls of each kernel of a step, from 0. */
function counter(): (key: string) => number {
  const calls = new Map<string, number>();
  return (key) => {
    const nth = calls.get(key) ?? 0;
    calls.set(key, nth + 1);
    return nth;
  };
}

function memoryOf({ backend }: Call): Memory {
  return backend as Memory;
}

function inputsOf({ inputs }: Call): [string, tf.TensorInfo][] {
  return Object.entries(inputs as Record<string, tf.TensorInfo>);
}

function formOf({ shape, dtype, dataId }: tf.TensorInfo, call: Call): OutputForm {
  const over = inputsOf(call).find(([, input]) => input.dataId === dataId);
  return { shape: [...shape], dtype, ...(over && { over: over[0] }) };
}

function make({ shape, dtype, over }: OutputForm, call: Call): tf.TensorInfo {
  if (over === undefined) return memoryOf(call).output(shape, dtype);
  return memoryOf(call).alias((call.inputs as Record<string, tf.TensorInfo>)[over]!, shape);
}

/** Whether whole numbers come out where floats went in: from what waits they would be anything. */
function isDecision(call: Call, outputs: KernelForm['outputs']): boolean {
  return (
    outputs.some((output) => isWhole(output) && output.over === undefined) &&
    !inputsOf(call).every(([, x]) => isWhole(x))
  );
}

function isWhole({ dtype }: { dtype: tf.DataType }): boolean {
  return dtype === 'int32' || dtype === 'bool';
}
