import { runOfRank } from '@scmoe/comm';
import { expectPositiveInteger, expectThat } from '@scmoe/errors';

import type { ParameterSpec, ParameterSpecs } from '../parameters/ParameterSpec.js';
import { slicedSpec, tensorAxis } from '../tensorParallel/tensorAxis.js';
import type { TensorShard } from '../tensorParallel/TensorGroup.js';

/** A place among ranks that share out experts: the one of `rank` in an expert-parallel group of `size`. */
export interface ExpertShard {
  rank: number;
  size: number;
  /** Neighbours that hold a slice each of the hidden width of the same experts (expert-sharding parallelism). Default: 1. */
  shards?: number;
}

/** Which parameters a rank holds. */
export interface ShardOptions {
  /** Which of the experts to have parameters for; all by default. */
  experts?: ExpertShard;
  /** Which slice of attentions, MLPs and shared experts to have; the whole by default. */
  tensor?: TensorShard;
}

/** All experts on one rank. */
export const allExperts: ExpertShard = { rank: 0, size: 1 };

/**
 * Which experts a rank holds, by their global ids: `first` and the `count - 1` after it, in the order of the ranks. Every rank
 * has as many, or, where the ranks do not divide the experts, one more or less than others. With `shards`, neighbours have the same.
 *
 * @throws ArgumentError where there are fewer experts than ranks, the rank is outside its group, or shards do not divide it
 */
export function expertShard(
  numExperts: number,
  { rank, size, shards = 1 }: ExpertShard,
): { first: number; count: number } {
  expectPositiveInteger('numExperts', numExperts);
  expectPositiveInteger('experts.size', size);
  const isRank = Number.isInteger(rank) && rank >= 0 && rank < size;
  expectThat(isRank, 'experts.rank', `a rank of the expert-parallel group, 0 to ${size - 1}`, rank);
  const isDivisor = Number.isInteger(shards) && shards >= 1 && size % shards === 0;
  expectThat(isDivisor, 'experts.shards', `a divisor of the ${size} ranks of the expert-parallel group`, shards);
  const ofSize = shards === 1 ? '' : ` in slices of ${shards}`;
  expectThat(
    numExperts >= size / shards,
    'numExperts',
    `at least one for each of the ${size / shards} ranks that share the experts out${ofSize}`,
    numExperts,
  );
  return runOfRank(numExperts, { rank: Math.floor(rank / shards), size: size / shards });
}

/** How many experts each rank holds, of `size` with experts of their own: as many everywhere, or one more on some. @throws as `expertShard` */
export function expertShares(numExperts: number, size: number): number[] {
  return Array.from({ length: size }, (_, rank) => expertShard(numExperts, { rank, size }).count);
}

/**
 * Whether a parameter, by its name in a pair or a model (`experts.w1`, `block3.experts.w1`), belongs to the routed
 * experts: those are shared out over the expert-parallel group, all others are the same on every rank.
 */
export function isExpertParameter(name: string): boolean {
  return /(^|\.)experts\./.test(name);
}

/** The shard's part of parameters that have all `numExperts` experts on their first axis. */
export function shardSpecs(specs: ParameterSpecs, numExperts: number, shard: ExpertShard): ParameterSpecs {
  if (shard.size === 1) return specs;
  const { first, count } = expertShard(numExperts, shard);
  const { rank, shards = 1 } = shard;
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape, initial }]): [string, ParameterSpec] => {
      const own = { shape: [count, ...shape.slice(1)], initial, part: { first, of: numExperts } };
      const axis = shards > 1 ? tensorAxis(`experts.${name}`) : undefined;
      if (axis === undefined) return [name, own];
      return [name, slicedSpec(own, { axis, rank: rank % shards, size: shards, name: `experts.${name}` })];
    }),
  );
}
