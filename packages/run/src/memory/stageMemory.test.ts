import { Gpt, type GptConfig } from '@scmoe/models';
import { recomputeWays, stageGraph, stageMemory, type ModelShape, type StageKind } from '@scmoe/scheduler';
import { stepMemory, useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

beforeAll(async () => {
  await useBackend('scmoe', { threads: 1 });
});

describe('memory of a step by the widths of a model', () => {
  const wide: GptConfig = { vocabSize: 32, numLayers: 4, dModel: 32, numHeads: 2, sequenceLength: 64 };
  const planned: [StageKind, number, GptConfig][] = [
    ['pos2', 1, { ...wide, moe: { kind: 'scmoe', numExperts: 4 } }],
    ['pos2', 1, { ...wide, numLayers: 12, activation: 'swiglu', moe: { kind: 'scmoe', numExperts: 4 } }],
    ['standard', 2, { ...wide, moe: { kind: 'top2', numExperts: 4 } }],
    ['shared', 1, { ...wide, moe: { kind: 'shared', numExperts: 4 } }],
    ['everyBlock', 1, { ...wide, placement: 'every', moe: { kind: 'scmoe', numExperts: 4 } }],
  ];
  it.each(planned)('is within 6 %% of what a step takes: %s, top-%i', async (stage, topK, config) => {
    const model = new Gpt(config, { seed: 4 });
    const isEvery = stage === 'everyBlock';
    const shape: ModelShape = {
      pairs: config.numLayers / (isEvery ? 1 : 2),
      ...{ dModel: 32, ffnHidden: 128, matricesPerMlp: config.activation === 'swiglu' ? 3 : 2 },
      ...{ sequenceLength: 64, tokensPerRank: 1024, expertsPerRank: 4, bytesPerElement: 4, vocabularySize: 32 },
    };
    for (const way of recomputeWays().filter(({ keepsExchanges }) => keepsExchanges)) {
      const { parameters, step } = stageMemory(stageGraph(stage), shape, { topK, kind: 'train', ranks: 1, way });
      const { peakBytes } = await stepMemory(() => {
        const [ids, targets] = [5, 6].map((id) => tf.fill<tf.Rank.R2>([16, 64], id, 'int32'));
        const options = { training: true, recompute: way.recompute };
        const loss = () => model.loss({ ids: ids!, targets: targets! }, options).loss;
        const { value, grads } = valueAndGrads(loss, model.variables);
        tf.dispose([value, grads, ids!, targets!]);
      });
      expect([way.recompute, Math.abs(step / peakBytes - 1) < 0.06, step / peakBytes]).toEqual([
        way.recompute,
        true,
        expect.any(Number),
      ]);
      // Weights and two moments; biases, norms and positions are left out.
      expect(parameters / (12 * model.numParameters())).toBeGreaterThan(0.93);
      expect(parameters / (12 * model.numParameters())).toBeLessThan(1.01);
    }
    model.dispose();
  });
});
