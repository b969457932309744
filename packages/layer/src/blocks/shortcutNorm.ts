import type * as tf from '@tensorflow/tfjs';

import type { ResolvedBackbone } from '../config/BackboneConfig.js';
import type { ResolvedMoe } from '../config/BlockMoeConfig.js';
import { below, type ParameterRecord } from '../parameters/ParameterRecord.js';
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

/** The norm between the tapped activation and gate and experts, if there is one. */
export function shortcutNorm(
  parameters: ParameterRecord,
  config: ResolvedBackbone,
  moe: ResolvedMoe,
): ((x: tf.Tensor) => tf.Tensor) | undefined {
  const name = shortcutNormName(moe);
  return name === undefined ? undefined : (x) => normalize(x, below(parameters, name), config);
}
