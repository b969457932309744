import { RandomStream, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

/**
 * Checks the gradients of a model's loss against central differences: each variable is moved along one random direction of
 * +1 and -1. The loss has to be smooth: no choice of an expert may change on the way. Float32 rounding of a loss near 1
 * costs 1e-7 / step.
 *
 * @throws Error naming the variable, what was expected and what came
 */
export function expectGradientsOf(
  variables: Readonly<Record<string, tf.Variable>>,
  loss: () => tf.Scalar,
  { step = 1e-3, tolerance = 2e-2, absoluteTolerance = 5e-4 } = {},
): void {
  const { grads } = valueAndGrads(loss, variables);
  const random = new RandomStream({ seed: 9 });
  for (const [name, variable] of Object.entries(variables)) {
    const direction = Float32Array.from({ length: variable.size }, () => (random.int(2) === 0 ? -1 : 1));
    const before = variable.dataSync<'float32'>().slice();
    const lossAt = (distance: number) => {
      variable.assign(
        tf.tensor(
          before.map((value, i) => value + distance * direction[i]!),
          variable.shape,
        ),
      );
      return loss().dataSync()[0]!;
    };
    const expected = (lossAt(step) - lossAt(-step)) / (2 * step);
    variable.assign(tf.tensor(before, variable.shape));
    const gradient = grads[name]!.dataSync<'float32'>();
    const got = gradient.reduce((sum, value, i) => sum + value * direction[i]!, 0);
    const allowed = absoluteTolerance + tolerance * Math.hypot(...gradient);
    if (!(Math.abs(got - expected) <= allowed))
      throw new Error(`gradient of '${name}': expected ${expected} along a direction, got ${got} (allowed ${allowed})`);
  }
}
