import type * as tf from '@tensorflow/tfjs';

import type { ResolvedBackbone } from '../config/BackboneConfig.js';
import type { ResolvedMoe } from '../config/BlockMoeConfig.js';
import { below, type ParameterRecord } from '../parameters/ParameterRecord.js';
import type { OperatorCosting } from '../plan/Operator.js';
import { normalize } from './normalize.js';

/** Prefix of the norm between tap and gate, or undefined where there is none (u is normalised already). */
function shortcutNormName({ shortcut }: ResolvedMoe): string | undefined {
  switch (shortcut?.norm) {
    case 'own':
      return 'normShortcut';
    case 'shared':
      return shortcut.sharedNormOf === 'mlp' ? 'normMlp' : 'normMoe';
    default:
      return undefined;
  }
}

/** A norm that an operator applies to what it reads. */
export interface InputNorm {
  apply: (x: tf.Tensor) => tf.Tensor;
  cost: OperatorCosting;
}

/** The norm between the tapped activation and gate and experts, if there is one. */
export function shortcutNorm(
  parameters: ParameterRecord,
  config: ResolvedBackbone,
  moe: ResolvedMoe,
): InputNorm | undefined {
  const name = shortcutNormName(moe);
  if (name === undefined) return undefined;
  return { apply: (x) => normalize(x, below(parameters, name), config), cost: (of) => [of.norm(config.norm)] };
}
