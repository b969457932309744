import type { Routing } from '@scmoe/gating';
import { Gpt, type GptConfig, type MoeConfig } from '@scmoe/models';
import { AdamW, clipScale, cosineSchedule, globalNorm, RandomStream, valueAndGrads } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { validationLoss, windows } from '../quality/characterBatches.js';
import type { characters } from '../quality/characters.js';
import { qualityConfig } from '../quality/variants.js';

const batchSize = 12;
const numExperts = 8;

/** A way to keep the load of experts even. */
export interface BalanceVariant {
  name: string;
  moe: Partial<MoeConfig>;
  bias?: { rule: 'sign'; updateRate: number } | { rule: 'quantile'; decay: number };
}

/** What came of a model trained with it. The lists have a number for each step. */
export interface BalanceRun {
  variant: string;
  seed: number;
  steps: number;
  /** The load of the fullest expert as a multiple of the mean, that of the worse layer. */
  worstLoad: number[];
  /** Share of all choices that found no place at capacity 1.0. */
  dropped: number[];
  /** Cross-entropy of the batch. */
  loss: number[];
  /** Mean over the whole validation split, in nats per character. */
  validationLoss: number;
  seconds: number;
}

/** A ScMoE model with experts of top-2 that have places for an even load and no more: what is dropped is lost. */
export function balanceConfig({ moe }: BalanceVariant, vocabSize: number): GptConfig {
  return qualityConfig(
    {
      name: 'balance',
      ffnHidden: 512,
      moe: {
        kind: 'scmoe',
        numExperts,
        topK: 2,
        expertHidden: 256,
        capacityFactor: 1,
        loadBalanceCoefficient: 0,
        ...moe,
      },
    },
    vocabSize,
  );
}

/** Trains one model from its seed, which also draws the batches: all variants of a seed see the same ones. */
export async function trainBalanced(
  variant: BalanceVariant,
  seed: number,
  { train, validation, vocabSize }: ReturnType<typeof characters>,
  steps: number,
): Promise<BalanceRun> {
  const begin = performance.now();
  const model = new Gpt(balanceConfig(variant, vocabSize), { seed });
  const { sequenceLength } = model.config;
  const schedule = cosineSchedule({
    peak: 1e-3,
    minimum: 1e-4,
    warmupSteps: Math.min(100, Math.floor(steps / 20)),
    totalSteps: steps,
  });
  const optimizer = new AdamW({ beta1: 0.9, beta2: 0.99, weightDecay: 0.1 });
  const random = new RandomStream({ seed, stream: 7 });
  const curves = { worstLoad: [] as number[], dropped: [] as number[], loss: [] as number[] };
  for (let step = 0; step < steps; step++) {
    tf.tidy(() => {
      const starts = Array.from({ length: batchSize }, () => random.int(train.length - sequenceLength));
      const batch = windows(train, starts, sequenceLength);
      let routings: readonly Routing[] = [];
      let crossEntropy: tf.Scalar | undefined;
      const { grads } = valueAndGrads(() => {
        const pass = model.loss(batch, { training: true });
        routings = pass.routings;
        crossEntropy = tf.keep(pass.crossEntropy.clone());
        for (const { load, counts } of routings) [load, counts].forEach((tensor) => tf.keep(tensor));
        balance(variant, model, routings);
        return pass.loss;
      }, model.variables);
      const gradScale = clipScale(globalNorm(Object.values(grads)), 1);
      optimizer.step(model.variables, grads, { learningRate: schedule(step), gradScale });
      const { worstLoad, dropped } = loadOf(routings);
      curves.worstLoad.push(round(worstLoad));
      curves.dropped.push(round(dropped));
      curves.loss.push(round(crossEntropy!.dataSync()[0]!));
      tf.dispose([crossEntropy!, ...routings.flatMap(({ load, counts }) => [load, counts])]);
    });
  }
  const run = {
    variant: variant.name,
    seed,
    steps,
    ...curves,
    validationLoss: await validationLoss(model, validation),
    seconds: (performance.now() - begin) / 1000,
  };
  optimizer.dispose();
  model.dispose();
  return run;
}

/** Moves the biases by the choices of this step, which the next one feels. */
function balance({ bias }: BalanceVariant, model: Gpt, routings: readonly Routing[]): void {
  if (!bias) return;
  const measured = bias.rule === 'quantile' ? model.routerQuantiles(routings) : model.routerLoads(routings);
  model.updateCorrectionBias(measured, bias);
}

function loadOf(routings: readonly Routing[]): { worstLoad: number; dropped: number } {
  const layers = routings.map(({ load, counts }) => {
    const chosen = [...load.dataSync()];
    const all = chosen.reduce((sum, n) => sum + n, 0);
    const kept = [...counts.dataSync()].reduce((sum, n) => sum + n, 0);
    return { worstLoad: (Math.max(...chosen) * chosen.length) / all, all, kept };
  });
  const sum = (of: 'all' | 'kept') => layers.reduce((total, layer) => total + layer[of], 0);
  return {
    worstLoad: Math.max(...layers.map(({ worstLoad }) => worstLoad)),
    dropped: 1 - sum('kept') / sum('all'),
  };
}

function round(value: number): number {
  return Number(value.toFixed(4));
}
