import * as tf from '@tensorflow/tfjs';

export interface FiniteDifferenceOptions {
  /** How far an element is moved each way. Float32 rounding of f costs about 1e-7 |f| / step. */
  step?: number;
  /** Allowed error, as a share of the input's largest gradient (one element) or of its gradient's norm (direction). */
  tolerance?: number;
  /** Elements tried per input; all of them where the input has no more. */
  samples?: number;
  /** Allowed error where the gradient is (nearly) zero. */
  absoluteTolerance?: number;
  seed?: number;
}

/**
 * Checks the gradients of a scalar function against central differences in float32: some random elements of every
 * float32 input, one at a time, and all elements together along one random direction of +1 and -1. Integer and boolean
 * inputs are passed through. Uses `tf.grads`, so it tests what is registered with TF.js.
 *
 * @throws Error naming the input, the element, the gradient and the difference quotient where they disagree.
 */
export function expectGradientsMatch(
  f: (...inputs: tf.Tensor[]) => tf.Scalar | tf.Tensor,
  inputs: tf.Tensor[],
  { step = 1e-2, tolerance = 2e-2, samples = 8, absoluteTolerance = 1e-3, seed = 1 }: FiniteDifferenceOptions = {},
): void {
  const random = generator(seed);
  const floats = inputs.flatMap((input, index) => (input.dtype === 'float32' ? [index] : []));
  const withFloats = (replaced: tf.Tensor[]) => {
    const all = inputs.slice();
    floats.forEach((index, i) => (all[index] = replaced[i]!));
    return f(...all).asScalar();
  };
  const gradients = tf.tidy(() =>
    tf
      .grads((...xs: tf.Tensor[]) => withFloats(xs))(floats.map((i) => inputs[i]!))
      .map((g) => g.dataSync<'float32'>()),
  );

  floats.forEach((index, i) => {
    const input = inputs[index]!;
    const gradient = gradients[i]!;
    if (gradient.length !== input.size) {
      throw new Error(`input ${index}: gradient has ${gradient.length} elements, input ${input.size}`);
    }
    const at = (move: (values: Float32Array, sign: number) => void) => (sign: number) =>
      tf.tidy(() => {
        const values = Float32Array.from(input.dataSync());
        move(values, sign);
        const replaced = floats.map((j) => (j === index ? tf.tensor(values, input.shape) : inputs[j]!));
        return withFloats(replaced).dataSync()[0]!;
      });
    const quotient = (move: (values: Float32Array, sign: number) => void) => {
      const value = at(move);
      return (value(1) - value(-1)) / (2 * step);
    };
    const check = (what: string, expected: number, got: number, scale: number) => {
      if (Math.abs(expected - got) <= absoluteTolerance + tolerance * scale) return;
      throw new Error(
        `input ${index}, ${what}: gradient ${got}, central difference ${expected} (step ${step}, allowed ${absoluteTolerance + tolerance * scale})`,
      );
    };

    const largest = gradient.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
    for (const element of chooseElements(input.size, samples, random)) {
      const expected = quotient((values, sign) => (values[element]! += sign * step));
      check(`element ${element}`, expected, gradient[element]!, largest);
    }
    if (input.size < 2) return;
    const direction = Array.from({ length: input.size }, () => (random() < 0.5 ? -1 : 1));
    const along = gradient.reduce((sum, g, j) => sum + g * direction[j]!, 0);
    const expected = quotient((values, sign) => direction.forEach((d, j) => (values[j]! += sign * step * d)));
    check('random direction', expected, along, Math.hypot(...gradient));
  });
}

function chooseElements(size: number, samples: number, random: () => number): number[] {
  if (size <= samples) return Array.from({ length: size }, (_, i) => i);
  return Array.from({ length: samples }, () => Math.floor(random() * size));
}

/** A linear congruential generator (Numerical Recipes' constants) is enough to pick elements. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
