import { uncut, type MeasuredCosts, type MeasuredStage, type OperatorCosts, type StageCosts } from '@scmoe/scheduler';

import type { RankGroup } from '../../ranks/RankGroup.js';
import { chunkOverhead } from './chunkOverhead.js';
import { benchLayers, type LayerName } from './layers.js';
import type { Level, Mode, OverlapShape } from './OverlapShape.js';
import type { ProfileAnswer } from './protocol.js';
import { rows } from './rows.js';

/** What is profiled, and how often. */
export interface ProfileLayersOptions {
  layers: readonly LayerName[];
  /** Steps of each layer in a pass over all of them. */
  steps: number;
  numPasses: number;
  title: string;
  ranks: number;
}

/** Times of the layers' operators on the lab as it is: what the scheduler chooses by and `scmoe simulate` reads. */
export async function profileLayers(
  group: RankGroup,
  level: Level,
  shape: OverlapShape,
  { layers, steps, title, ranks, numPasses }: ProfileLayersOptions,
): Promise<MeasuredCosts> {
  const pairs = level === 'pair' ? 1 : shape.pairs;
  const passes: MeasuredStage[][] = [];
  // In turn, so that whatever disturbs one for a while does not disturb it twice.
  for (let pass = 0; pass < numPasses; pass++) {
    passes.push([]);
    for (const name of layers) {
      const ask = async (mode: Mode, inHalves: boolean) => {
        const question = JSON.stringify({ ask: 'profile', level, layer: name, mode, steps, inHalves });
        const { layers: times, outsideMs } = (await group.ask<ProfileAnswer>(question))[0]!;
        const costs: StageCosts = { forward: meanOf(times, 'forward'), backward: meanOf(times, 'backward') };
        return { costs, updateMs: outsideMs / pairs };
      };
      const { graph, topK } = benchLayers[name];
      const { costs, updateMs } = await ask('train', false);
      const whole = (await ask('infer', false)).costs.forward;
      const stage: MeasuredStage = { stage: graph, topK, ...costs, updateMs, inference: { whole } };
      passes.at(-1)!.push(
        isSplit(name)
          ? {
              ...stage,
              inHalves: (await ask('train', true)).costs,
              inference: { whole, inHalves: (await ask('infer', true)).costs.forward },
            }
          : stage,
      );
    }
  }
  const stages = passes.reduce((a, b) => a.map((stage, i) => quickest(stage, b[i]!)));
  const expertsPerRank = shape.numExperts / ranks;
  const { forward: whole, inHalves } = stages[layers.indexOf('top2')]!;
  return {
    format: 'scmoe-measured-costs',
    title,
    pairs,
    tokensPerRank: shape.batchSize * shape.sequenceLength,
    chunkOverhead: await chunkOverhead(group, level, whole, { cut: { ...uncut, chunks: 4 }, steps }),
    ...(expertsPerRank > 1 && {
      expertChunkOverhead: await chunkOverhead(group, level, whole, {
        cut: { ...uncut, expertChunks: expertsPerRank },
        steps,
      }),
    }),
    ...(inHalves && {
      chunkOverheadInHalves: await chunkOverhead(group, level, inHalves.forward, {
        cut: { ...uncut, chunks: 2, halves: 2 },
        steps,
      }),
    }),
    expertsPerRank,
    stages,
  };
}

/** Whether a layer is run on halves as well: a half is no half of the whole, and its times are taken from such steps. */
function isSplit(name: LayerName): boolean {
  return rows.some(({ layer, schedule }) => layer === name && schedule === 'split');
}

/** What else runs on the machine can only add to a time. */
function quickest(a: MeasuredStage, b: MeasuredStage): MeasuredStage {
  const each = (x: OperatorCosts, y: OperatorCosts) =>
    Object.fromEntries(Object.keys(x).map((name) => [name, Math.min(x[name]!, y[name]!)]));
  return {
    ...a,
    forward: each(a.forward, b.forward),
    backward: each(a.backward, b.backward),
    ...(a.inHalves &&
      b.inHalves && {
        inHalves: {
          forward: each(a.inHalves.forward, b.inHalves.forward),
          backward: each(a.inHalves.backward, b.inHalves.backward),
        },
      }),
    ...(a.inference &&
      b.inference && {
        inference: {
          whole: each(a.inference.whole, b.inference.whole),
          ...(a.inference.inHalves &&
            b.inference.inHalves && { inHalves: each(a.inference.inHalves, b.inference.inHalves) }),
        },
      }),
    updateMs: Math.min(a.updateMs, b.updateMs),
  };
}

/** Mean over all layers of a model: they do the same. */
function meanOf(layers: ProfileAnswer['layers'], direction: 'forward' | 'backward'): Record<string, number> {
  const names = Object.keys(layers[0]![direction]);
  return Object.fromEntries(
    names.map((name) => [name, layers.reduce((sum, layer) => sum + layer[direction][name]!, 0) / layers.length]),
  );
}
