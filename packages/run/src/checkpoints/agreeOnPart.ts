import { hostname } from 'node:os';
import { join } from 'node:path';

import { UserError } from '@scmoe/errors';
import { gatherText } from '@scmoe/layer';
import {
  type Checkpoint,
  type CheckpointPart,
  checkpointName,
  listStepFolders,
  loadCheckpoint,
  type RankGroups,
} from '@scmoe/trainer';

/** Options of `agreeOnPart`. */
export interface AgreeOptions {
  /** The checkpoint of this very step, not the newest. */
  step?: number;
  /** Takes an earlier checkpoint where the newest is not whole on all ranks, and is told what is wrong with each that it passes over. */
  fallback?: (line: string) => void;
  /** No checkpoint on any rank is no error. */
  optional?: boolean;
}

/** What one rank has. */
interface Found {
  host: string;
  folder: string;
  steps: number[];
}

/**
 * Loads this rank's part of the newest checkpoint, each rank from a folder of its own, which need be on no other's disk. Every
 * rank calls it; all take the same step, of which all have a part that is whole.
 *
 * @param folder of this rank's parts
 * @throws UserError on all ranks, which names the rank, its folder and the step that is missing or damaged there
 */
export async function agreeOnPart(
  folder: string,
  groups: RankGroups,
  { step, fallback, optional = false }: AgreeOptions = {},
): Promise<Checkpoint | undefined> {
  const { world } = groups;
  const steps = (await listStepFolders(folder)).map((found) => found.step);
  const own: Found = { host: hostname(), folder, steps: steps.filter((n) => step === undefined || n <= step) };
  const all = (await gatherText(world, JSON.stringify(own))).map((text) => JSON.parse(text) as Found);
  const newest = step ?? Math.max(...all.flatMap(({ steps }) => steps));
  if (newest === -Infinity && optional) return undefined;
  if (newest === -Infinity) throw new UserError(`No rank has a checkpoint of this run: expected one in ${folder}.`);

  const whole = all[0]!.steps.filter((n) => all.every(({ steps }) => steps.includes(n))).reverse();
  const empty = all.findIndex(({ steps }) => steps.length === 0);
  if (empty >= 0) throw new UserError(`${lacks(all, empty, newest)}. There is no earlier one either.`);
  const behind = all.findIndex(({ steps }) => !steps.includes(newest));
  const passOver = (line: string, next: number | undefined) => {
    if (next === undefined) throw new UserError(`${line} There is no earlier step that all ranks have.`);
    if (!fallback) throw new UserError(`${line} --fallback goes on from step ${next}, which all ranks have.`);
    fallback(`${line} Going on from step ${next}.`);
  };
  if (behind >= 0)
    passOver(`${lacks(all, behind, newest)}; its newest is step ${all[behind]!.steps.at(-1)}.`, whole[0]);

  for (const [i, n] of whole.entries()) {
    const loaded = await loadCheckpoint(join(folder, checkpointName(n))).catch((error: unknown) => {
      if (error instanceof UserError) return error;
      throw error;
    });
    const part = loaded instanceof UserError ? undefined : loaded.index.part;
    const problem = loaded instanceof UserError ? loaded.message : misplaced(loaded, partOf(groups));
    const answers = await gatherText(world, JSON.stringify({ problem, id: part?.id }));
    const said = answers.map((text) => JSON.parse(text) as { problem?: string; id?: string });
    const bad = said.findIndex(({ problem, id }) => problem !== undefined || id !== said[0]!.id);
    if (bad < 0) return loaded as Checkpoint;
    const { folder: there, host } = all[bad]!;
    const what = said[bad]!.problem ?? `${join(there, checkpointName(n))} is of another checkpoint than rank 0's.`;
    passOver(`Rank ${bad} (${host}) has no whole part of step ${n}: ${what}`, whole[i + 1]);
  }
  return undefined;
}

function lacks(all: readonly Found[], rank: number, step: number): string {
  const has = all.findIndex(({ steps }) => steps.includes(step));
  const who = has < 0 ? '' : `, which rank ${has} (${all[has]!.host}) has`;
  const { host, folder } = all[rank]!;
  return `Rank ${rank} (${host}) has no checkpoint of step ${step}${who}: expected ${join(folder, checkpointName(step))}`;
}

/** Whose part a rank of these groups saves. */
export function partOf({ world, experts, tensor, expertShards }: RankGroups): Omit<CheckpointPart, 'id'> {
  return {
    ...{ rank: world.rank, size: world.size, expertParallel: experts.size },
    ...(tensor && { tensorParallel: tensor.size }),
    ...(expertShards > 1 && { expertShards }),
  };
}

/** What is wrong with a part that is none of this rank's; undefined where nothing is. */
function misplaced({ path, index: { part } }: Checkpoint, expected: Omit<CheckpointPart, 'id'>): string | undefined {
  const got = part ? placeText(part) : 'a whole one';
  const wanted = placeText(expected);
  return got === wanted ? undefined : `${path} is another part: expected ${wanted}, got ${got}.`;
}

function placeText({
  rank,
  size,
  expertParallel,
  tensorParallel = 1,
  expertShards = 1,
}: Omit<CheckpointPart, 'id'>): string {
  const slices = tensorParallel > 1 ? `, in tensor-parallel groups of ${tensorParallel}` : '';
  const shards = expertShards > 1 ? `, with ${expertShards} shards of each expert` : '';
  return `that of rank ${rank} of ${size}, whose experts ${expertParallel} share${slices}${shards}`;
}
