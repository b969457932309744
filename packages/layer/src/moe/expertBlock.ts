import * as tf from '@tensorflow/tfjs';

import { normalize, normSpecs } from '../sublayers/normalize.js';
import { residualDropout, type ResidualDropout } from '../sublayers/residualDropout.js';
import type { ResolvedBackbone } from '../config/BackboneConfig.js';
import type { ResolvedMoe } from '../config/BlockMoeConfig.js';
import type { ExpertShard } from './expertShard.js';
import { sublayerSpecs, type MoeSublayer, type SublayerValues } from './moeSublayer.js';
import { below, type ParameterRecord } from '../parameters/ParameterRecord.js';
import { under, type ParameterSpecs } from '../parameters/ParameterSpec.js';
import { operatorsOver, type Operator } from '../plan/Operator.js';

/** Parameters of a block's part behind its attention: norms, experts, shared expert, mix. */
export function expertBlockSpecs(
  { dModel: d, norm }: ResolvedBackbone,
  moe: ResolvedMoe,
  shard?: ExpertShard,
): ParameterSpecs {
  return {
    // Gives u, which standard and shared-expert blocks gate on, and which feeds shared expert and mix; or the norm of the sum.
    ...under('normMoe', normSpecs(d, norm)),
    ...(moe.shortcut?.norm === 'own' && under('normShortcut', normSpecs(d, norm))),
    ...sublayerSpecs(d, moe, shard),
    ...(moe.postNorm && under('normPost', normSpecs(d, norm))),
  };
}

interface OutputValues extends SublayerValues {
  /** The residual stream behind the attention. */
  c: tf.Tensor3D;
  y: tf.Tensor3D;
}

/** y = c + the sum of the experts' outputs, normed where the configuration says so. `place`: of its dropout. */
export function outputOperator<Values extends OutputValues>(
  parameters: ParameterRecord,
  config: ResolvedBackbone,
  { postNorm }: ResolvedMoe,
  { summands, sum }: MoeSublayer<Values>,
  { dropout, place }: { dropout?: ResidualDropout; place: number },
): Operator<Values> {
  const drop = residualDropout(config, dropout);
  const name = postNorm ? 'normPost' : config.normPlacement === 'after' ? 'normMoe' : undefined;
  return operatorsOver<OutputValues>().computation({
    kind: 'output',
    inputs: ['c', ...summands],
    outputs: ['y'],
    run: ({ c, ...values }) => {
      const added = sum(values);
      const normed = name ? normalize(added, below(parameters, name), config) : added;
      return { y: tf.add(c, drop(normed, place)) };
    },
    cost: (of) => [...(name ? [of.norm(config.norm)] : []), of.sum(1 + summands.length)],
  }) as unknown as Operator<Values>;
}
