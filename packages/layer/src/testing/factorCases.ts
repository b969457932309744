import { factorRank, type FactoredRank, type RankFactors } from '@scmoe/comm';

import { isExpertParameter } from '../moe/expertShard.js';
import type { TensorSchedule } from '../tensorParallel/dispatchOver.js';
import { tensorAxis } from '../tensorParallel/tensorAxis.js';
import type { LayerCase, RankOutcome } from './rankCases.js';

/** A way to share a layer out over ranks. */
export interface Factors extends Required<RankFactors> {
  schedule: TensorSchedule;
}

const wide = { dModel: 16, numHeads: 8, ffnHidden: 16, expertHidden: 16, numExperts: 8 };
/** Layers that eight ranks can cut into slices. */
export const factorCases: Record<string, LayerCase> = {
  'ScMoE pair': { pair: { ...wide, kind: 'scmoe', topK: 2 } },
  'padded pair, capacity, norm of all heads': {
    pair: { ...wide, kind: 'scmoe', topK: 2, capacityFactor: 1, qkNorm: 'whole' },
    padded: true,
  },
  'block with swiglu, zero experts, norms of heads, sinks': {
    block: {
      ...wide,
      ...{ dModel: 32, numHeads: 16, numKvHeads: 8, kind: 'shared', topK: 2, sharedHidden: 8, numZeroExperts: 2 },
      ...{ activation: 'swiglu', rope: { style: 'half' }, qkNorm: 'perHead', attentionSinks: true, outputGate: true },
    },
  },
  'DGMoE pair': { pair: { ...wide, kind: 'dgmoe' } },
  'LongCat block, latent attention': {
    longcat: {
      ...wide,
      topK: 2,
      latent: { qLoraRank: 6, kvLoraRank: 5, qkNopeHeadDim: 3, qkRopeHeadDim: 2, vHeadDim: 4 },
    },
  },
  'block with a gated delta network': {
    block: {
      ...{ ...wide, kind: 'shared', topK: 2 },
      gatedDelta: { numKeyHeads: 8, numValueHeads: 16, keyHeadDim: 3, valueHeadDim: 4, convTaps: 3 },
    },
  },
  'FarSkip block': { block: { ...wide, kind: 'shared', topK: 2, connectivity: 'farskip' } },
};

/** Those that every run of the tests takes; the sweep takes all. */
export const quickCases = Object.keys(factorCases).slice(0, 6);

const divisorsOf = (n: number) => Array.from({ length: n }, (_, i) => i + 1).filter((i) => n % i === 0);

/** Every factorisation of as many ranks, with eight experts. */
export function factorisations(ranks: number): Factors[] {
  return divisorsOf(ranks).flatMap((tensorParallel) =>
    divisorsOf(ranks)
      .filter((expertParallel) => expertParallel % tensorParallel === 0)
      .flatMap((expertParallel) =>
        divisorsOf(expertParallel).flatMap((expertShards) => {
          const factors = { tensorParallel, expertParallel, expertShards };
          const hasBase = tensorParallel > 1 && expertShards === tensorParallel;
          return [
            { ...factors, schedule: 's1' as const },
            ...(hasBase ? [{ ...factors, schedule: 'base' as const }] : []),
            ...(tensorParallel > 1 ? [{ ...factors, schedule: 's2' as const }] : []),
            ...(tensorParallel > 1 ? [{ ...factors, schedule: 's2-fused' as const }] : []),
          ];
        }),
      ),
  );
}

export function nameOf({ tensorParallel, expertParallel, expertShards, schedule }: Factors): string {
  return `tensor ${tensorParallel}, experts ${expertParallel}, shards ${expertShards}, ${schedule}`;
}

type Numbers = RankOutcome['values'][string];

/** What one rank would have had, of the outcomes of all ranks: slices joined, and gradients added up over the data. */
export function wholeOf(outcomes: readonly RankOutcome[], factors: Factors): Record<string, Numbers> {
  const places = outcomes.map((_, rank) => factorRank({ rank, size: outcomes.length }, factors));
  const names = Object.keys(outcomes[0]!.values);
  return Object.fromEntries(
    names.map((name) => {
      const of = (isWanted: (place: FactoredRank) => boolean) =>
        outcomes.filter((_, rank) => isWanted(places[rank]!)).map(({ values }) => values[name]!);
      return [name, wholeValue(name.replace('grad ', ''), of, factors, outcomes.length)];
    }),
  );
}

function wholeValue(
  name: string,
  of: (isWanted: (place: FactoredRank) => boolean) => Numbers[],
  { tensorParallel, expertParallel, expertShards }: Factors,
  size: number,
): Numbers {
  const range = (length: number) => Array.from({ length }, (_, i) => i);
  if (name === 'y' || name === 'x')
    return joined(
      of(({ tensor }) => tensor.rank === 0),
      0,
    );
  const axis = tensorAxis(name);
  if (!isExpertParameter(name)) {
    const slices = range(axis === undefined ? 1 : tensorParallel).map((slice) =>
      added(of(({ tensor }) => tensor.rank === slice)),
    );
    return slices.length > 1 ? joined(slices, axis!) : slices[0]!;
  }
  const replicas = size / expertParallel;
  const ofRank = (rank: number) =>
    added(range(replicas).flatMap((replica) => of((at) => at.experts.rank === rank && at.replicas.rank === replica)));
  const runs = range(expertParallel / expertShards).map((run) => {
    const slices = range(expertShards).map((slice) => ofRank(run * expertShards + slice));
    return axis === undefined || expertShards === 1 ? slices[0]! : joined(slices, axis);
  });
  return joined(runs, 0);
}

function added(parts: readonly Numbers[]): Numbers {
  const data = Float32Array.from(parts[0]!.data, (_, i) => parts.reduce((sum, part) => sum + part.data[i]!, 0));
  return { shape: parts[0]!.shape, data };
}

/** Tensors joined along an axis. */
function joined(parts: readonly Numbers[], axis: number): Numbers {
  const { shape } = parts[0]!;
  const outer = shape.slice(0, axis).reduce((product, extent) => product * extent, 1);
  const data = Array.from({ length: outer }, (_, row) =>
    parts.flatMap((part) => {
      const inner = part.data.length / outer;
      return [...part.data.subarray(row * inner, (row + 1) * inner)];
    }),
  ).flat();
  const length = parts.reduce((sum, part) => sum + part.shape[axis]!, 0);
  return { shape: shape.map((extent, i) => (i === axis ? length : extent)), data: Float32Array.from(data) };
}
