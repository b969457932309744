import type { ExpertShard } from '@scmoe/layer';
import { Gpt, LongcatFlash, type GptConfig } from '@scmoe/models';
import { RandomStream } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { benchLayers, type LayerName } from '../../suites/overlap/layers.js';
import type { OverlapShape } from '../../suites/overlap/OverlapShape.js';
import type { Subject } from './Subject.js';

/** A language model on random tokens. */
export function modelSubject(name: LayerName, shape: OverlapShape, experts: ExpertShard): Subject {
  const model = name === 'longcat' ? longcatFlash(shape, experts) : gpt(name, shape, experts);
  const { batchSize, sequenceLength, vocabSize, pairs } = shape;
  const random = new RandomStream({ seed: 1, stream: 1 + experts.rank });
  const draw = (): tf.Tensor2D =>
    tf.tensor2d(
      Int32Array.from({ length: batchSize * sequenceLength }, () => random.int(vocabSize)),
      [batchSize, sequenceLength],
      'int32',
    );
  const batch = { ids: draw(), targets: draw() };
  return {
    variables: model.variables,
    inputs: {},
    numLayers: pairs,
    loss: (execution) => model.loss(batch, { training: true, ...execution }).loss,
    forward: (execution) => model.forward(batch.ids, execution).logits,
  };
}

function gpt(name: Exclude<LayerName, 'longcat'>, shape: OverlapShape, experts: ExpertShard): Gpt {
  const { graph, topK } = benchLayers[name];
  const { dModel, numHeads, ffnHidden, sequenceLength, vocabSize, pairs, numExperts, capacityFactor } = shape;
  const hasPosition = graph.startsWith('pos');
  const moe: GptConfig['moe'] = {
    ...(hasPosition ? { kind: 'scmoe', position: graph as 'pos1' } : { kind: graph as 'shared' }),
    numExperts,
    topK,
    capacityFactor,
  };
  const config = { vocabSize, numLayers: 2 * pairs, dModel, numHeads, ffnHidden, sequenceLength, moe };
  return new Gpt(config, { seed: 1, experts });
}

/** LongCat-Flash as it is, latent attention and all, with gated MLPs that cost what the others' do. */
function longcatFlash(shape: OverlapShape, experts: ExpertShard): LongcatFlash {
  const { dModel, numHeads, sequenceLength, vocabSize, pairs, numExperts, capacityFactor } = shape;
  const hidden = Math.round((shape.ffnHidden * 2) / 3 / 64) * 64;
  const headSize = dModel / numHeads;
  return new LongcatFlash(
    {
      vocabSize,
      numLayers: pairs,
      dModel,
      numHeads,
      sequenceLength,
      ffnHidden: hidden,
      latent: {
        qLoraRank: (3 * dModel) / 4,
        kvLoraRank: dModel / 4,
        qkNopeHeadDim: headSize,
        qkRopeHeadDim: headSize / 2,
        vHeadDim: headSize,
      },
      moe: { numExperts, topK: benchLayers.longcat.topK, capacityFactor, expertHidden: hidden },
    },
    { seed: 1, experts },
  );
}
