import type { Golden } from '@scmoe/testing';

import type { BackboneConfig } from '../config/BackboneConfig.js';

/** The options of a reference case of a block or pair in our words; `prefix`: of its parameters. */
export function backboneOfGolden(
  { config, tensors }: Golden,
  prefix = 'param.',
): BackboneConfig & Record<string, unknown> & { expertHidden?: number; sharedHidden?: number } {
  const hidden = (name: string) => (tensors[`${prefix}${name}.w1`] ?? tensors[`${prefix}${name}.gate`])?.shape.at(-1);
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
