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
  /** Median of the calls that were timed. */
  ms: number;
  outputs: readonly OutputForm[];
  isSingle: boolean;
}

type Attributes = Readonly<Record<string, unknown>>;

/** How long kernels take and what they make, by name, attributes and shapes: values make no difference to a dense product. */
export class KernelLengths {
  private readonly samples = new Map<string, { ms: number; step: number }[]>();
  private readonly forms = new Map<string, Omit<KernelForm, 'ms'>>();

  /** Names a call so that two of them with the same name take as long. */
  keyOf(kernelName: string, inputs: Readonly<Record<string, tf.TensorInfo>>, attributes: Attributes): string {
    const shapes = Object.entries(inputs).map(([name, { shape, dtype }]) => `${name} ${dtype} ${shape.join('x')}`);
    // Fractions are what is computed with, such as the size of an optimizer's step: another one each time.
    const whole = Object.entries(attributes ?? {}).filter(([, value]) => isStructural(value));
    return `${kernelName}(${shapes.join(', ')}) ${JSON.stringify(whole)}`;
  }

  /** @param sample what the call took, and the number of the step that it was in */
  add(key: string, sample: { ms: number; step: number }, form: Omit<KernelForm, 'ms'>): void {
    const known = this.samples.get(key);
    if (known) known.push(sample);
    else this.samples.set(key, [sample]);
    this.forms.set(key, form);
  }

  has(key: string): boolean {
    return this.samples.has(key);
  }

  get(key: string): KernelForm | undefined {
    const samples = this.samples.get(key);
    if (!samples) return undefined;
    // In its first step a kernel touches memory that is there from then on.
    const later = samples.filter(({ step }) => step > samples[0]!.step);
    return { ms: median((later.length > 0 ? later : samples).map(({ ms }) => ms)), ...this.forms.get(key)! };
  }
}

function isStructural(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isStructural);
  return typeof value !== 'number' || Number.isInteger(value);
}
