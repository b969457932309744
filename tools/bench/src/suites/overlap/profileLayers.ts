import type { MeasuredCosts, MeasuredLayer } from '@scmoe/scheduler';

import type { RankGroup } from '../../ranks/RankGroup.js';
import { benchLayers, layerNames, type LayerName } from './layers.js';
import type { Level, OverlapShape } from './OverlapShape.js';
import type { ProfileAnswer } from './protocol.js';

/** Chunks of the layer that tells what a chunk costs. */
const chunks = 4;

/** Times of all layers' operators on the lab as it is: what the scheduler chooses by and `scmoe simulate` reads. */
export async function profileLayers(
  group: RankGroup,
  level: Level,
  shape: OverlapShape,
  { steps, title }: { steps: number; title: string },
): Promise<MeasuredCosts> {
  const pairs = level === 'pair' ? 1 : shape.pairs;
  const profile = async (layer: LayerName, chunks: number) =>
    (await group.ask<ProfileAnswer>(JSON.stringify({ ask: 'profile', level, layer, chunks, steps })))[0]!;
  const layers: MeasuredLayer[] = [];
  for (const name of layerNames) {
    const { layers: times, outsideMs } = await profile(name, 1);
    const { graph, topK } = benchLayers[name];
    const [forward, backward] = [meanOf(times, 'forward'), meanOf(times, 'backward')];
    layers.push({ layer: graph, topK, forward, backward, updateMs: outsideMs / pairs });
  }
  const whole = layers[layerNames.indexOf('top2')]!.forward;
  const cut = meanOf((await profile('top2', chunks)).layers, 'forward');
  const perChunk = (name: string) => Math.max(0, cut[name]! - whole[name]!) / chunks;
  return {
    format: 'scmoe-measured-costs',
    title,
    pairs,
    tokensPerRank: shape.batchSize * shape.sequenceLength,
    chunkOverhead: {
      computeMs: perChunk('expert'),
      communicationMs: (perChunk('dispatch') + perChunk('combine')) / 2,
    },
    layers,
  };
}

/** Of all layers of a model: they do the same. */
function meanOf(layers: ProfileAnswer['layers'], direction: 'forward' | 'backward'): Record<string, number> {
  const names = Object.keys(layers[0]![direction]);
  return Object.fromEntries(
    names.map((name) => [name, layers.reduce((sum, layer) => sum + layer[direction][name]!, 0) / layers.length]),
  );
}
