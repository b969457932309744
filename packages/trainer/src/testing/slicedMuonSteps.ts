import { Muon } from '@scmoe/tensor';
import type { RankFactors } from '@scmoe/comm';
import * as tf from '@tensorflow/tfjs';

import { slicedMatrices } from '../optimizer/slicedMatrices.js';
import { gatherSharded } from '../parallel/gatherSharded.js';
import type { RankGroups } from '../parallel/RankGroups.js';
import { shardStored } from '../parallel/shardStored.js';

/** Factorisations in the order in which a training goes through them, a step in each. */
export const muonFactors = (size: number): RankFactors[] => [
  { tensorParallel: size, expertShards: size },
  { tensorParallel: size },
  { tensorParallel: 1, expertShards: size },
  { tensorParallel: size / 2, expertShards: 2 },
  { tensorParallel: 2, expertParallel: 2, expertShards: 2 },
  { tensorParallel: 2, expertShards: size },
  // Experts in unequal runs within a tensor-parallel group.
  { tensorParallel: size, expertShards: 2 },
];

const shapes: Record<string, number[]> = {
  columns: [8, 24],
  rows: [24, 8],
  tall: [16, 8],
  norm: [5],
  whole: [6, 4],
  'experts.up': [9, 8, 16],
  'experts.down': [9, 16, 8],
  'experts.bias': [9, 8],
};
const axes: Record<string, number> = { columns: 1, rows: 0, tall: 1, 'experts.up': 2, 'experts.down': 1 };
export const muonPlacement = {
  isSharded: (name: string) => /(^|\.)experts\./.test(name),
  // Those of states have the name of the state before.
  slicedAxis: (name: string) => axes[name.replace(/^(momentum|m|v)\./, '')],
};

export type Numbers = Record<string, { shape: number[]; data: Float32Array }>;

/** Numbers of every parameter, the same for the same seed. */
export function muonNumbers(seed: number): Numbers {
  const entries = Object.entries(shapes).map(([name, shape], i) => {
    const tensor = tf.randomNormal(shape, 0, 1, 'float32', seed + i);
    const data = tensor.dataSync<'float32'>().slice();
    tensor.dispose();
    return [name, { shape, data }] as const;
  });
  return Object.fromEntries(entries);
}

/** Parameters and the state of the optimizer, as one rank has them. */
export interface MuonState {
  parameters: Numbers;
  state: Numbers;
  /** Tensors that a step has left behind, beside the state. */
  tensorsLeft: number;
}

/** One step with Muon; on ranks each has its part of what is given, and rank 0 of an expert group gets the whole back. */
export async function muonStep(
  { parameters, state }: Pick<MuonState, 'parameters' | 'state'>,
  { step, groups, tileValues }: { step: number; groups?: RankGroups; tileValues?: number },
): Promise<MuonState | undefined> {
  const place = groups && {
    ...{ rank: groups.experts.rank, size: groups.experts.size, shards: groups.expertShards },
    ...(groups.tensor && { tensor: { rank: groups.tensor.rank, size: groups.tensor.size } }),
  };
  const own = (numbers: Numbers): Record<string, tf.Tensor> => {
    const stored = Object.fromEntries(
      Object.entries(numbers).map(([name, one]) => [name, { ...one, dtype: 'F32' as const }]),
    );
    const parts = place ? shardStored(stored, { ...muonPlacement, ...place }) : stored;
    return Object.fromEntries(
      Object.entries(parts).map(([name, { data, shape }]) => [name, tf.tensor(data as Float32Array, shape)]),
    );
  };
  const whole = async (tensors: Record<string, tf.Tensor>): Promise<Numbers> => {
    const { experts: group, expertShards: shards, tensor } = groups ?? {};
    const joined = group ? await gatherSharded(tensors, { ...muonPlacement, group, shards, tensor }) : tensors;
    const read = Object.entries(joined).map(([name, tensor]) => [
      name,
      { shape: tensor.shape, data: tensor.dataSync<'float32'>().slice() },
    ]);
    return Object.fromEntries(read) as Numbers;
  };
  const slices = groups ? slicedMatrices(groups, muonPlacement) : [];
  const matrices = (name: string) => !/norm|bias/.test(name);
  const optimizer = new Muon({ matrices, slices, ...(tileValues && { tileValues }) });
  const variables = Object.fromEntries(
    Object.entries(own(parameters)).map(([name, value]) => [name, tf.variable(value)]),
  );
  optimizer.loadState(own(state), step);
  const gradients = own(muonNumbers(100 * (step + 1)));
  const gradScale = tf.scalar(0.5);
  const before = tf.memory().numTensors;
  optimizer.step(variables, gradients, { learningRate: 0.05, gradScale });
  const tensorsLeft = tf.memory().numTensors - before;
  const result = { parameters: await whole(variables), state: await whole(optimizer.state()), tensorsLeft };
  optimizer.dispose();
  tf.disposeVariables();
  return !groups || groups.experts.rank === 0 ? result : undefined;
}
