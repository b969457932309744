import { isRouterBuffer } from '@scmoe/gating';
import { checkParameters, initializeParameter, type ParameterRecord, type ParameterSpecs } from '@scmoe/layer';
import * as tf from '@tensorflow/tfjs';

/** Where a model starts: from a seed, or from values that stay the caller's, one for each variable and buffer. */
export type InitialValues = { seed: number } | { parameters: ParameterRecord };

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
 */
export function createVariables(
  specs: ParameterSpecs,
  initial: InitialValues,
  { numLayers }: { numLayers: number },
): ModelVariables {
  if ('parameters' in initial) checkParameters(initial.parameters, specs);
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
