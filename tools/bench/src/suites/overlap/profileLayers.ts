import {
  stageGraph,
  uncut,
  type ChunkCut,
  type MeasuredCosts,
  type MeasuredStage,
  type OperatorCosts,
  type OperatorGraph,
  type PartOverheads,
  type StageCosts,
} from '@scmoe/scheduler';

import type { RankGroup } from '../../ranks/RankGroup.js';
import { chunkOverhead, type AskForParts } from './chunkOverhead.js';
import { benchLayers, type LayerName } from './layers.js';
import type { Level, Mode, OverlapShape } from './OverlapShape.js';
import type { ProfileAnswer, Question } from './protocol.js';
import { rows, type Row } from './rows.js';

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
  const halves = { ...uncut, halves: 2 };
  const ask = async (layer: LayerName, mode: Mode, cut: ChunkCut) => {
    const question = JSON.stringify({ ask: 'profile', level, layer, mode, steps, cut } satisfies Question);
    const { layers: times, outsideMs } = (await group.ask<ProfileAnswer>(question))[0]!;
    const costs: StageCosts = { forward: meanOf(times, 'forward'), backward: meanOf(times, 'backward') };
    return { costs, updateMs: outsideMs / pairs };
  };
  const passes: MeasuredStage[][] = [];
  // In turn, so that whatever disturbs one for a while does not disturb it twice.
  for (let pass = 0; pass < numPasses; pass++) {
    passes.push([]);
    for (const name of layers) {
      const { graph, topK } = benchLayers[name];
      const { costs, updateMs } = await ask(name, 'train', uncut);
      const whole = (await ask(name, 'infer', uncut)).costs.forward;
      const stage: MeasuredStage = { stage: graph, topK, ...costs, updateMs, inference: { whole } };
      passes.at(-1)!.push(
        isSplit(name)
          ? {
              ...stage,
              inHalves: (await ask(name, 'train', halves)).costs,
              inference: { whole, inHalves: (await ask(name, 'infer', halves)).costs.forward },
            }
          : stage,
      );
    }
  }
  const stages = passes.reduce((a, b) => a.map((stage, i) => quickest(stage, b[i]!)));
  const expertsPerRank = shape.numExperts / ranks;
  const parts: Partial<Record<LayerName, Pick<MeasuredStage, 'parts'> & { inferred: PartOverheads }>> = {};
  for (const name of layers.filter(isCutFirst)) {
    const { inHalves, inference, ...whole } = stages[layers.indexOf(name)]!;
    const graph = stageGraph(benchLayers[name].graph);
    const costsOf = (mode: Mode, one: StageCosts, halved: StageCosts | undefined) => {
      const asked = async (cut: ChunkCut) => (await ask(name, mode, cut)).costs;
      return partOverheads(asked, { whole: one, inHalves: halved }, { graph, expertsPerRank, numPasses });
    };
    const alone = (forward: OperatorCosts): StageCosts => ({ forward, backward: zeroOf(forward) });
    parts[name] = {
      parts: await costsOf('train', whole, inHalves),
      inferred: await costsOf('infer', alone(inference!.whole), inference!.inHalves && alone(inference!.inHalves)),
    };
  }
  return {
    format: 'scmoe-measured-costs',
    title,
    pairs,
    tokensPerRank: shape.batchSize * shape.sequenceLength,
    ...parts.top2!.parts!,
    expertsPerRank,
    stages: stages.map((stage, i): MeasuredStage => {
      const own = parts[layers[i]!];
      return own ? { ...stage, parts: own.parts, inference: { ...stage.inference!, parts: own.inferred } } : stage;
    }),
  };
}

/** What parts of a layer cost along every axis. */
async function partOverheads(
  ask: AskForParts,
  { whole, inHalves }: { whole: StageCosts; inHalves: StageCosts | undefined },
  { expertsPerRank, ...options }: { graph: OperatorGraph; expertsPerRank: number; numPasses: number },
): Promise<PartOverheads> {
  const of = (costs: StageCosts, cut: Partial<ChunkCut>) =>
    chunkOverhead(ask, costs, { ...options, cut: { ...uncut, ...cut } });
  return {
    chunkOverhead: await of(whole, { chunks: 4 }),
    ...(expertsPerRank > 1 && { expertChunkOverhead: await of(whole, { expertChunks: expertsPerRank }) }),
    ...(inHalves && { chunkOverheadInHalves: await of(inHalves, { chunks: 2, halves: 2 }) }),
    ...(inHalves &&
      expertsPerRank > 1 && {
        expertChunkOverheadInHalves: await of(inHalves, { expertChunks: expertsPerRank, halves: 2 }),
      }),
  };
}

function zeroOf(costs: OperatorCosts): OperatorCosts {
  return Object.fromEntries(Object.keys(costs).map((name) => [name, 0]));
}

/** Whether it is the first of the layers that send as many rows to be run in parts: the others' cost as much. */
function isCutFirst(name: LayerName, _: number, layers: readonly LayerName[]): boolean {
  const isCut = (one: LayerName) => rows.some(({ layer, schedule }) => layer === one && isInParts(schedule));
  return layers.find((one) => isCut(one) && benchLayers[one].topK === benchLayers[name].topK) === name;
}

function isInParts(schedule: Row['schedule']): boolean {
  return schedule === 'pipelined' || schedule === 'chunked' || schedule === 'split';
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
