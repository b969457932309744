import {
  initializeLongcatBlock,
  initializePair,
  resolveLongcatBlock,
  resolvePair,
  runLongcatBlock,
  runPair,
  type ExpertShard,
} from '@scmoe/layer';
import { isRouterBuffer } from '@scmoe/gating';
import { randomNormal } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { benchLayers, type LayerName } from '../../suites/overlap/layers.js';
import type { OverlapShape } from '../../suites/overlap/OverlapShape.js';
import { farSkipPair } from './farSkipPair.js';
import type { Runnable } from './Runnable.js';
import type { Execution, Subject } from './Subject.js';

/** One block pair; its loss is the mean square of what comes out. */
export function pairSubject(name: LayerName, shape: OverlapShape, experts: ExpertShard): Subject {
  const { run, profiled, parameters } = name === 'longcat' ? longcat(shape, experts) : pair(name, shape, experts);
  const variables: Record<string, tf.Variable> = {};
  const values: Record<string, tf.Tensor> = {};
  for (const [key, value] of Object.entries(parameters)) {
    values[key] = isRouterBuffer(key) ? value : (variables[key] = tf.variable(value));
  }
  const { batchSize, sequenceLength, dModel } = shape;
  const input = randomNormal([batchSize, sequenceLength, dModel], { seed: 1, stream: 1 + experts.rank });
  const x = tf.variable(input as tf.Tensor3D);
  const pass = (how: Runnable['run'], { dispatcher, overlap }: Execution, training: boolean) =>
    how(x, values, { ...overlap.stage(0, { training }), dispatcher });
  const loss = (how: Runnable['run'], execution: Execution): tf.Scalar =>
    tf.mean(tf.square(pass(how, execution, true)));
  return {
    variables,
    inputs: { x },
    numLayers: 1,
    loss: (execution) => loss(run, execution),
    forward: (execution) => pass(run, execution, false),
    ...(profiled && {
      profiledLoss: (execution) => loss(profiled, execution),
      profiledForward: (execution) => pass(profiled, execution, false),
    }),
  };
}

function pair(name: Exclude<LayerName, 'longcat'>, shape: OverlapShape, experts: ExpertShard): Runnable {
  const { graph, topK } = benchLayers[name];
  const { numExperts, capacityFactor } = shape;
  const common = { ...backbone(shape), numExperts, capacityFactor, topK };
  if (graph === 'farskip') {
    const config = { ...common, kind: 'shared' as const, connectivity: graph };
    const { inARow, byItself } = farSkipPair(config);
    return { run: inARow, profiled: byItself, parameters: initializePair(config, { seed: 1, experts }) };
  }
  const config = {
    ...common,
    ...(graph === 'standard' || graph === 'shared'
      ? { kind: graph }
      : { kind: 'scmoe' as const, position: graph as 'pos1' }),
  };
  const resolved = resolvePair(config);
  return {
    run: (x, values, options) => runPair(x, values, resolved, options).y,
    parameters: initializePair(config, { seed: 1, experts }),
  };
}

/** The block of LongCat-Flash with the attention, activation and norms of the pairs, and one routed expert for a token. */
function longcat(shape: OverlapShape, experts: ExpertShard): Runnable {
  const config = {
    ...backbone(shape),
    numExperts: shape.numExperts,
    capacityFactor: shape.capacityFactor,
    topK: benchLayers.longcat.topK,
    activation: 'gelu' as const,
    norm: 'layer' as const,
    ffnBias: true,
    attentionBias: true,
  };
  const resolved = resolveLongcatBlock(config);
  return {
    run: (x, values, options) => runLongcatBlock(x, values, resolved, options).y,
    parameters: initializeLongcatBlock(config, { seed: 1, experts }),
  };
}

function backbone({ dModel, numHeads, ffnHidden }: OverlapShape) {
  return { dModel, numHeads, ffnHidden };
}
