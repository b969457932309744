import { ArgumentError } from '@scmoe/errors';
import { isRouterBuffer } from '@scmoe/gating';
import { checkParameters, initializeParameter, type ParameterRecord, type ParameterSpecs } from '@scmoe/layer';
import * as tf from '@tensorflow/tfjs';

/**
 * Where a model starts: from a seed, or from values that stay the caller's, one for each variable and buffer. `maxValues` is
 * how many values all variables and buffers may have: for configurations that others have written.
 */
export type InitialValues = { seed: number; maxValues?: number } | { parameters: ParameterRecord };

export interface ModelVariables {
  /** Parameters, trained by gradient. */
  variables: Record<string, tf.Variable>;
  /** State that is not: the correction biases of routers. */
  buffers: Record<string, tf.Variable>;
  /** Both. */
  all: Record<string, tf.Variable>;
}

/**
 * The variables of a model. From a seed as GPT-2: weights normal(0, 0.02), the projections into the residual stream divided
 * by sqrt(2 * numLayers), biases 0, norms 1.
 *
 * @throws ArgumentError where there would be more than `maxValues`, before memory is taken for any
 */
export function createVariables(
  specs: ParameterSpecs,
  initial: InitialValues,
  { numLayers }: { numLayers: number },
): ModelVariables {
  if ('parameters' in initial) checkParameters(initial.parameters, specs);
  else checkSize(specs, initial.maxValues);
  const residualScale = 1 / Math.sqrt(2 * numLayers);
  const created: ModelVariables = { variables: {}, buffers: {}, all: {} };
  tf.tidy(() => {
    for (const [name, spec] of Object.entries(specs)) {
      const value =
        'parameters' in initial
          ? initial.parameters[name]!
          : initializeParameter(name, spec, { seed: initial.seed, residualScale });
      const isBuffer = isRouterBuffer(name);
      const variable = tf.variable(value, !isBuffer);
      (isBuffer ? created.buffers : created.variables)[name] = variable;
      created.all[name] = variable;
    }
  });
  return created;
}

function checkSize(specs: ParameterSpecs, maxValues = Infinity): void {
  const sizes = Object.entries(specs).map(([name, { shape }]) => {
    return { name, shape, size: shape.reduce((product, n) => product * n, 1) };
  });
  const total = sizes.reduce((sum, { size }) => sum + size, 0);
  if (total <= maxValues) return;
  const { name, shape } = sizes.reduce((largest, next) => (next.size > largest.size ? next : largest));
  throw new ArgumentError(
    `parameters: expected at most ${maxValues} values, got ${total}; the most are in ${name} (${shape.join(', ')})`,
  );
}
