import type * as tf from '@tensorflow/tfjs';

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

  /** What a call took on this rank. */
  add({ key, ms, form }: TimedCall): void {
    this.forms.set(key, form);
    if (this.agreed.has(key)) return;
    const known = this.samples.get(key);
    if (known) known.push(ms);
    else this.samples.set(key, [ms]);
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

  /** Takes of each kernel what all ranks timed, which is the same on all of them. */
  agree(ranks: readonly TimedCalls[]): void {
    for (const key of new Set(ranks.flatMap((calls) => Object.keys(calls)))) {
      this.agreed.set(key, lowerQuartile(ranks.flatMap((calls) => calls[key] ?? [])));
    }
    this.samples.clear();
  }
}

/**
 * What else runs on the machine can only add to a time, and may do so for most of the calls; so does the memory that a first step
 * touches. The least of many is luck.
 */
function lowerQuartile(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 4)]!;
}

function isStructural(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isStructural);
  return typeof value !== 'number' || Number.isInteger(value);
}
