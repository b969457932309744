import { uncut, type MeasuredCosts, type MeasuredStage, type OperatorCosts } from '@scmoe/scheduler';

import type { RankGroup } from '../../ranks/RankGroup.js';
import { chunkOverhead } from './chunkOverhead.js';
import { halfOverhead } from './halfOverhead.js';
import { benchLayers, type LayerName } from './layers.js';
import type { Level, OverlapShape } from './OverlapShape.js';
import type { ProfileAnswer } from './protocol.js';

/** Times of the layers' operators on the lab as it is: what the scheduler chooses by and `scmoe simulate` reads. */
export async function profileLayers(
  group: RankGroup,
  level: Level,
  shape: OverlapShape,
  { layers, steps, title, ranks }: { layers: readonly LayerName[]; steps: number; title: string; ranks: number },
): Promise<MeasuredCosts> {
  const pairs = level === 'pair' ? 1 : shape.pairs;
  const passes: MeasuredStage[][] = [];
  // In turn, so that whatever disturbs one for a while does not disturb it twice.
  for (let pass = 0; pass < (level === 'pair' ? 2 : 1); pass++) {
    passes.push([]);
    for (const name of layers) {
      const question = JSON.stringify({ ask: 'profile', level, layer: name, steps });
      const { layers: times, outsideMs } = (await group.ask<ProfileAnswer>(question))[0]!;
      const { graph, topK } = benchLayers[name];
      const [forward, backward] = [meanOf(times, 'forward'), meanOf(times, 'backward')];
      passes.at(-1)!.push({ stage: graph, topK, forward, backward, updateMs: outsideMs / pairs });
    }
  }
  const stages = passes.reduce((a, b) => a.map((stage, i) => quickest(stage, b[i]!)));
  const expertsPerRank = shape.numExperts / ranks;
  const whole = stages[layers.indexOf('top2')]!.forward;
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
    halfOverhead: await halfOverhead(group, level, whole, { steps }),
    expertsPerRank,
    stages,
  };
}

/** What else runs on the machine can only add to a time. */
function quickest(a: MeasuredStage, b: MeasuredStage): MeasuredStage {
  const each = (x: OperatorCosts, y: OperatorCosts) =>
    Object.fromEntries(Object.keys(x).map((name) => [name, Math.min(x[name]!, y[name]!)]));
  return {
    ...a,
    forward: each(a.forward, b.forward),
    backward: each(a.backward, b.backward),
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
