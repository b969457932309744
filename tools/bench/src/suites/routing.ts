import { Gpt, type GptConfig } from '@scmoe/models';
import { AdamW, captureFunction, clipScale, globalNorm, RandomStream, useBackend, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { alternate } from '../alternate.js';
import { median, spread } from '../statistics.js';
import { table } from '../table.js';

/** Options of `routingSuite`. */
export interface RoutingOptions {
  rounds?: number;
  threads?: number;
  precisions?: readonly string[];
  widths?: readonly number[];
}

const [batch, sequenceLength, vocabSize] = [4, 256, 256];
const experts = [4, 8, 16, 64];

/** Milliseconds of one step's parts. */
interface StepTimes {
  gradients: number;
  norm: number;
  update: number;
}

/**
 * The price of routing: a training step with experts in every block against a dense one of the same products for each token.
 * Passes are captured, as training does where they are small.
 */
export async function routingSuite({
  rounds = 9,
  threads = 1,
  precisions = ['float32', 'bf16'],
  widths = [64, 192],
}: RoutingOptions = {}): Promise<string> {
  const rows: string[][] = [];
  for (const precision of precisions) {
    await useBackend('scmoe', { threads, precision: precision as 'float32' | 'bf16' });
    for (const width of widths) {
      const models = [0, ...experts].map((numExperts) => openStep(width, numExperts));
      // Captured in the first step, compared in the second.
      for (const { step } of models) for (let i = 0; i < 3; i++) await step();
      const parts = new Map<string, StepTimes[]>(models.map(({ name }) => [name, []]));
      const seconds = await alternate(
        models.map(({ name, step }) => ({
          name,
          run: async () => {
            const times = await step();
            parts.get(name)!.push(times);
            return (times.gradients + times.norm + times.update) / 1000;
          },
        })),
        rounds,
      );
      const dense = median(seconds.get(models[0]!.name)!);
      for (const { name, numParameters, dispose } of models) {
        const own = seconds.get(name)!;
        const part = (key: keyof StepTimes) => `${median(parts.get(name)!.map((times) => times[key])).toFixed(1)} ms`;
        rows.push([
          precision,
          String(width),
          name,
          `${(numParameters / 1e6).toFixed(1)} M`,
          part('gradients'),
          part('norm'),
          part('update'),
          `± ${(spread(own) * 100).toFixed(0)} %`,
          `${(median(own) / dense).toFixed(2)}x`,
        ]);
        dispose();
      }
    }
  }
  return table(
    ['precision', 'width', 'model', 'parameters', 'gradients', 'norm', 'AdamW', 'spread', 'step against dense'],
    rows,
  );
}

function openStep(dModel: number, numExperts: number) {
  const half = 2 * dModel;
  const model = new Gpt(configOf(dModel, numExperts, half), { seed: 1 });
  const optimizer = new AdamW();
  const random = new RandomStream({ seed: 1 });
  const draw = () => Int32Array.from({ length: batch * sequenceLength }, () => random.int(vocabSize));
  const [ids, targets] = [draw(), draw()].map((values) => tf.tensor2d(values, [batch, sequenceLength], 'int32'));
  const pass = captureFunction(
    (input: tf.Tensor2D, expected: tf.Tensor2D) =>
      valueAndGrads(() => model.loss({ ids: input, targets: expected }).loss, model.variables),
    { maxBytes: 2 ** 32 },
  );
  const step = async (): Promise<StepTimes> => {
    const begin = performance.now();
    const { value, grads } = pass(ids!, targets!);
    const computed = performance.now();
    const norm = globalNorm(Object.values(grads));
    await norm.data();
    const measured = performance.now();
    const gradScale = clipScale(norm, 1);
    optimizer.step(model.variables, grads, { learningRate: 1e-3, gradScale });
    const done = performance.now();
    tf.dispose([value, grads, norm, gradScale]);
    return { gradients: computed - begin, norm: measured - computed, update: done - measured };
  };
  return {
    name: numExperts === 0 ? 'dense' : `ScMoE, ${numExperts} experts`,
    numParameters: model.numParameters(),
    step,
    dispose: () => {
      pass.dispose();
      optimizer.dispose();
      tf.dispose([ids!, targets!, model.variables]);
    },
  };
}

/** A shared and a routed expert of half the width of the dense model's MLP. */
function configOf(dModel: number, numExperts: number, half: number): GptConfig {
  const sizes = { vocabSize, numLayers: 4, dModel, numHeads: Math.max(2, dModel / 32), sequenceLength };
  return numExperts === 0
    ? { ...sizes, ffnHidden: 2 * half }
    : {
        ...sizes,
        placement: 'every',
        moe: { kind: 'scmoe', numExperts, topK: 1, expertHidden: half, sharedHidden: half },
      };
}
