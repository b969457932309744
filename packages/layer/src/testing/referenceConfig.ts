import type { Reference } from '@scmoe/testing';
import type * as tf from '@tensorflow/tfjs';

import type { BackboneConfig } from '../config/BackboneConfig.js';

/** The options of a reference case of a block or pair in our words; `block`: of one block of several. */
export function backboneOfReference(
  { config, tensors }: Reference,
  block = '',
): BackboneConfig & Record<string, unknown> & { expertHidden?: number; sharedHidden?: number } {
  const weight = (name: string) => tensors[`param.${block}${name}.w1`] ?? tensors[`param.${block}${name}.gate`];
  const hidden = (name: string) => weight(name)?.shape.at(-1);
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- named to be left out
  const { layer, blocks, auxLossCoefficient, rope, ropeTheta, normEps, ...same } = config;
  return {
    ...same,
    dModel: tensors['input.x']!.shape[2]!,
    rope: rope ? { style: rope, theta: ropeTheta } : undefined,
    normEpsilon: normEps,
    ffnHidden: hidden('mlp'),
    expertHidden: hidden('experts'),
    sharedHidden: hidden('shared'),
  };
}

/** The parameters of a case by our names, from its tensors or, for gradients, from such that stand for them. */
export function parametersOfReference({ tensors }: Reference, given = tensors): Record<string, tf.Tensor> {
  const parameters = Object.entries(given)
    .filter(([name]) => name.startsWith('param.'))
    .map(([name, tensor]): [string, tf.Tensor] => [name.slice('param.'.length), tensor]);
  const bias = tensors['buffer.correctionBias'];
  return { ...Object.fromEntries(parameters), ...(bias && { 'router.correctionBias': bias }) };
}
