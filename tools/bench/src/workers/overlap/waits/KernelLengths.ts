import type * as tf from '@tensorflow/tfjs';

import { median } from '../../../statistics.js';

/** How a kernel makes one of its outputs: anew, or over the memory of one of its inputs. */
export interface OutputForm {
  shape: number[];
  dtype: tf.DataType;
  /** The input whose memory it is. */
  over?: string;
}

/** What is known of the calls of a kernel on tensors of the same shapes. */
export interface KernelForm {
  /** What the ranks agreed on. */
  ms: number;
  outputs: readonly OutputForm[];
  isSingle: boolean;
}

/** A call that was timed. */
export interface TimedCall {
  key: string;
  ms: number;
  form: Omit<KernelForm, 'ms'>;
}

/** What one rank timed since the last agreement: ms of the calls, by kernel. */
export type TimedCalls = Readonly<Record<string, readonly number[]>>;

type Attributes = Readonly<Record<string, unknown>>;

/**
 * How long kernels take and what they make, by name, attributes and shapes: values make no difference to a dense product.
 *
 * A length holds for all ranks and once and for all. If each rank had its own, or if more calls changed it, a profile would be of other
 * kernels than the steps that it predicts: there a computation would take as long as on the rank that something disturbed most.
 */
export class KernelLengths {
  private readonly samples = new Map<string, number[]>();
  private readonly forms = new Map<string, Omit<KernelForm, 'ms'>>();
  private readonly agreed = new Map<string, number>();

  /** Names a call so that two of them with the same name take as long. */
  keyOf(kernelName: string, inputs: Readonly<Record<string, tf.TensorInfo>>, attributes: Attributes): string {
    const shapes = Object.entries(inputs).map(([name, { shape, dtype }]) => `${name} ${dtype} ${shape.join('x')}`);
    // Fractions are what is computed with, such as the size of an optimizer's step: another one each time.
    const whole = Object.entries(attributes ?? {}).filter(([, value]) => isStructural(value));
    return `${kernelName}(${shapes.join(', ')}) ${JSON.stringify(whole)}`;
  }

  /**
   * What calls took on this rank, which were made at about the same time. Those of kernels that the ranks have agreed on say how fast
   * the machine is just then, so that what slows all of it down makes no kernel longer than the others.
   */
  add(calls: readonly TimedCall[]): void {
    const known = calls.filter(({ key }) => this.agreed.has(key));
    const pace = known.length > 0 ? sumOf(known, ({ key }) => this.agreed.get(key)!) / sumOf(known, ({ ms }) => ms) : 1;
    for (const { key, ms, form } of calls) {
      this.forms.set(key, form);
      if (this.agreed.has(key)) continue;
      const samples = this.samples.get(key) ?? [];
      samples.push(ms * pace);
      this.samples.set(key, samples);
    }
  }

  /** Whether the ranks have agreed on its length. */
  has(key: string): boolean {
    return this.agreed.has(key);
  }

  get(key: string): KernelForm | undefined {
    const ms = this.agreed.get(key);
    const form = this.forms.get(key);
    return ms === undefined || !form ? undefined : { ms, ...form };
  }

  /** What there is to agree on. */
  timed(): TimedCalls {
    return Object.fromEntries(this.samples);
  }

  /** Takes the median of what all ranks timed, which is the same on all of them. */
  agree(ranks: readonly TimedCalls[]): void {
    for (const key of new Set(ranks.flatMap((calls) => Object.keys(calls)))) {
      this.agreed.set(key, median(ranks.flatMap((calls) => calls[key] ?? [])));
    }
    this.samples.clear();
  }
}

function sumOf(calls: readonly TimedCall[], msOf: (call: TimedCall) => number): number {
  return calls.reduce((sum, call) => sum + msOf(call), 0);
}

function isStructural(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isStructural);
  return typeof value !== 'number' || Number.isInteger(value);
}
