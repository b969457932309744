import { runOfRank } from '@scmoe/comm';
import { UserError } from '@scmoe/errors';
import { isExpertParameter, tensorAxis } from '@scmoe/layer';
import { isHiddenMatrix } from '@scmoe/models';
import { AdamW, type AdamWOptions, canMeasureMemory, Muon } from '@scmoe/tensor';
import { AveragedOptimizer, type Optimizer, type RankGroups, slicedMatrices } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import type { LoopSettings } from '../options/trainingOptions.js';

type OptimizerSettings = Pick<LoopSettings, 'optimizer' | 'moments' | 'weightDecay' | 'averageDecay' | 'seed'>;

/** Who trains together, which may hold parts of the parameters. */
interface OptimizerRanks {
  groups: RankGroups | undefined;
  /** The number of experts of each layer, on all ranks; 0 where the model has none. */
  numExperts: number;
}

/**
 * The optimizer that the settings name.
 *
 * @throws UserError where moments in bfloat16 go with nothing else that was asked for
 */
export function createOptimizer(settings: OptimizerSettings, ranks: OptimizerRanks): Optimizer {
  const { optimizer, weightDecay, averageDecay } = settings;
  if (settings.moments === 'bfloat16') expectRounding(settings);
  const plain = optimizer === 'muon' ? createMuon(weightDecay, ranks.groups) : new AdamW(adamWOptions(settings, ranks));
  // Checkpoints of before there was an average have no decay.
  return averageDecay > 0 ? new AveragedOptimizer(plain, averageDecay) : plain;
}

function adamWOptions({ weightDecay, moments, seed }: OptimizerSettings, ranks: OptimizerRanks): AdamWOptions {
  if (moments !== 'bfloat16') return { weightDecay };
  const first = firstExpert(ranks);
  const firstValueOf = (name: string, { size, shape }: tf.Variable) =>
    isExpertParameter(name) ? (first * size) / shape[0] : 0;
  return { weightDecay, moments, seed, firstValueOf };
}

/** The first of the experts that this rank holds, or a slice of. */
function firstExpert({ groups, numExperts }: OptimizerRanks): number {
  if (!groups || numExperts === 0) return 0;
  const { experts, expertShards } = groups;
  const rank = Math.floor(experts.rank / expertShards);
  return runOfRank(numExperts, { rank, size: experts.size / expertShards }).first;
}

function expectRounding({ optimizer }: OptimizerSettings): void {
  const problem =
    optimizer !== 'adamw'
      ? `--optimizer adamw, got ${optimizer}`
      : canMeasureMemory()
        ? undefined
        : `the backend scmoe, which keeps numbers in two bytes, got ${tf.getBackend()}`;
  if (problem) throw new UserError(`--moments bfloat16: expected ${problem}.`, { exitCode: 2 });
}

function createMuon(weightDecay: number, groups: RankGroups | undefined): Muon {
  const slices = groups ? slicedMatrices(groups, { isSharded: isExpertParameter, slicedAxis: tensorAxis }) : [];
  return new Muon({ weightDecay, matrices: isHiddenMatrix, slices });
}
