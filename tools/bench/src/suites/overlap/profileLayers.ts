import type { MeasuredCosts } from '@scmoe/scheduler';

import type { RankGroup } from '../../ranks/RankGroup.js';
import { benchLayers, layerNames } from './layers.js';
import type { Level, OverlapShape } from './OverlapShape.js';
import type { ProfileAnswer } from './protocol.js';

/** Times of all layers' operators on the lab as it is: what the scheduler chooses by and `scmoe simulate` reads. */
export async function profileLayers(
  group: RankGroup,
  level: Level,
  shape: OverlapShape,
  { steps, title }: { steps: number; title: string },
): Promise<MeasuredCosts> {
  const pairs = level === 'pair' ? 1 : shape.pairs;
  const layers: MeasuredCosts['layers'][number][] = [];
  for (const name of layerNames) {
    const [answer] = await group.ask<ProfileAnswer>(JSON.stringify({ ask: 'profile', level, layer: name, steps }));
    const mean = (direction: 'forward' | 'backward') =>
      Object.fromEntries(
        Object.keys(answer!.layers[0]![direction]).map((operator) => {
          const sum = answer!.layers.reduce((total, layer) => total + layer[direction][operator]!, 0);
          return [operator, sum / answer!.layers.length];
        }),
      );
    const { graph, topK } = benchLayers[name];
    const times = { forward: mean('forward'), backward: mean('backward') };
    layers.push({ layer: graph, topK, ...times, updateMs: answer!.outsideMs / pairs });
  }
  return {
    format: 'scmoe-measured-costs',
    title,
    pairs,
    tokensPerRank: shape.batchSize * shape.sequenceLength,
    layers,
  };
}
