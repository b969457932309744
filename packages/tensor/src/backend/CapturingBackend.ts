import { ScmoeError } from '@scmoe/errors';
import type * as tf from '@tensorflow/tfjs';

import { forgetParts, KernelCapture } from '../capture/KernelCapture.js';
import { CpuBackend } from './CpuBackend.js';

/** A backend that knows what the kernel that runs now has made, and the step that is being captured. */
export abstract class CapturingBackend extends CpuBackend {
  /** References to data that the kernel that runs now has made and not given up; undefined outside of kernels. */
  protected made: tf.DataId[] | undefined;
  /** The step that is being captured; undefined outside of one, and while a part of it runs that is not. */
  protected capture: KernelCapture | undefined;

  /** Runs a kernel, or an attempt at one. Where it throws, what it allocated and held until then is given up. */
  guard<Inputs, Attributes, Result>(
    run: (backend: this, inputs: Inputs, attributes: Attributes) => Result,
    inputs: Inputs,
    attributes: Attributes,
  ): Result {
    const outer = this.made;
    const made: tf.DataId[] = (this.made = []);
    try {
      const result = run(this, inputs, attributes);
      this.made = outer;
      outer?.push(...made);
      return result;
    } catch (error) {
      this.made = undefined;
      for (const dataId of made) this.disposeData(dataId);
      this.made = outer;
      throw error;
    }
  }

  /** Runs a step and captures what it calls, which is not made where it `isDry`; not within another one. */
  captured<Result>(step: () => Result, { isDry = false } = {}): { result: Result; capture: KernelCapture } {
    if (this.capture) throw new ScmoeError('captureKernels: expected no capture within a capture');
    const capture = new KernelCapture({ isDry });
    this.capture = capture;
    capture.open();
    let isDone = false;
    try {
      const result = step();
      isDone = true;
      return { result, capture };
    } finally {
      capture.close();
      this.capture = undefined;
      if (!isDone) forgetParts(capture.parts);
    }
  }

  /** Says that what a kernel does here can't be made again by its native calls alone, where a step is being captured. */
  refuseCapture(problem: string): void {
    this.capture?.refuse(problem);
  }

  /** Runs a part of a kernel that is run itself when a captured step is made again, for it depends on more than tensors. */
  live(run: () => void): void {
    const { capture, made } = this;
    this.capture = undefined;
    // What it makes is its own, also where the kernel throws.
    this.made = undefined;
    try {
      if (capture) capture.live(run);
      else run();
    } finally {
      this.capture = capture;
      this.made = made;
    }
  }
}
