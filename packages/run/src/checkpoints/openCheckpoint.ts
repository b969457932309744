import { basename, dirname, join, resolve } from 'node:path';

import { UserError } from '@scmoe/errors';
import { gatherText, isExpertParameter, tensorAxis } from '@scmoe/layer';
import {
  type Checkpoint,
  findCheckpoint,
  findLatestCheckpoint,
  loadWholeCheckpoint,
  partFolder,
  partRankOf,
  type RankGroups,
  readIndex,
  runFolderAt,
  runFolderOf,
  stepOf,
} from '@scmoe/trainer';

import { say } from '../cli/Terminal.js';
import type { Ranks } from '../ranks/joinRanks.js';
import type { Restarts } from '../ranks/restarts.js';
import type { TrainCommandOptions } from '../training/TrainCommandOptions.js';
import type { TrainingProgram } from '../training/TrainingProgram.js';
import { agreeOnPart, partOf } from './agreeOnPart.js';

/** What a run goes on from. */
export interface OpenedCheckpoint {
  /** The checkpoint to go on from; undefined for a run that starts anew. */
  checkpoint: Checkpoint | undefined;
  /** The launcher has started the ranks again, and nobody asked for this checkpoint. */
  isRestart: boolean;
}

/** Where a checkpoint is, before it is read. */
interface Found {
  path: string;
  isRestart: boolean;
}

/** What rank 0 has found, for those that may not see its disk. */
interface Words {
  /** What it is told is for its own user to mend: the others end with it. */
  problem?: string;
  isRestart?: boolean;
  /** Ranks have saved a part each, in the run of this name, and as many go on with them. */
  parts?: { run: string; step?: number };
}

/**
 * Opens the checkpoint that a run goes on from: after a restart the newest of its run, else what `--resume` names. Every rank
 * calls it. Where the ranks have saved a part each, and are as many again, each goes on from its own, of a step that all have.
 *
 * @throws UserError where there is none, or it is damaged
 */
export async function openCheckpoint(
  program: Pick<TrainingProgram, 'ownSetting'>,
  options: Pick<TrainCommandOptions, 'resume' | 'runDir' | 'fallback'>,
  restarts: Restarts,
  { groups, terminal, rank }: Pick<Ranks, 'groups' | 'terminal' | 'rank'>,
): Promise<OpenedCheckpoint> {
  const find = () => findStart(program, options, restarts);
  const own = rank === 0 && groups ? await find().catch((error: unknown) => asUserError(error)) : undefined;
  const words = groups ? await wordsOfChief(own, options, groups) : {};
  if (own instanceof UserError) throw own;
  if (words.problem !== undefined) throw new UserError(`Rank 0 can't go on: ${words.problem}`);

  const isWanted = (isRestart: boolean) => isRestart || options.fallback === true;
  if (words.parts) {
    const { run, step } = words.parts;
    const isRestart = words.isRestart === true;
    const { checkpointsFolder } = runFolderAt(namedRun(options) ?? join(resolve(options.runDir), run));
    if (isRestart) say(terminal, `restart ${restarts.count}: going on with run ${run}, each rank from its own part`);
    const checkpoint = await agreeOnPart(partFolder(checkpointsFolder, rank), groups!, {
      ...(step !== undefined && { step }),
      ...(isWanted(isRestart) && { fallback: (line: string) => say(terminal, line) }),
    });
    return { checkpoint, isRestart };
  }
  const found = own ?? (await find());
  if (!found) return { checkpoint: undefined, isRestart: false };
  const { path, isRestart } = found;
  if (isRestart) say(terminal, `restart ${restarts.count}: going on from ${path}`);
  const fallback = ({ message }: UserError) => say(terminal, `${message} Taking the one before it.`);
  const checkpoint = await loadWholeCheckpoint(path, {
    isSharded: isExpertParameter,
    slicedAxis: tensorAxis,
    ...(isWanted(isRestart) && { fallback }),
  });
  return { checkpoint, isRestart };
}

async function findStart(
  program: Pick<TrainingProgram, 'ownSetting'>,
  { resume, runDir }: Pick<TrainCommandOptions, 'resume' | 'runDir'>,
  restarts: Restarts,
): Promise<Found | undefined> {
  const earlier = await restarts.lastCheckpoint();
  if (earlier !== undefined) return { path: earlier, isRestart: true };
  if (resume === undefined) return undefined;
  const isLatest = resume === true || resume === 'latest';
  const path = await (isLatest ? findLatestCheckpoint(runDir, program) : findCheckpoint(resume));
  return { path, isRestart: false };
}

/** Rank 0 tells what it has found; a collective. */
async function wordsOfChief(
  own: Found | UserError | undefined,
  { resume }: Pick<TrainCommandOptions, 'resume'>,
  groups: RankGroups,
): Promise<Words> {
  let words: Words = {};
  if (own instanceof UserError) words = { problem: own.message };
  else if (own)
    words = {
      isRestart: own.isRestart,
      ...(await partsAt(own.path, typeof resume === 'string' && resolve(resume) === own.path, groups)),
    };
  const [text] = await gatherText(groups.world, groups.world.rank === 0 ? JSON.stringify(words) : '');
  return JSON.parse(text!) as Words;
}

/** Whether these ranks have saved a part each of the checkpoint that was found, or of the same step. */
async function partsAt(path: string, isExact: boolean, groups: RankGroups): Promise<Pick<Words, 'parts'>> {
  const run = runFolderOf(path);
  const isPart = partRankOf(dirname(path)) !== undefined;
  const part = isPart ? path : join(partFolder(run.checkpointsFolder, 0), basename(path));
  if (isExact && !isPart) return {};
  // One that is damaged says nothing of itself; whether an older one can be taken is for all ranks to say.
  const index = await readIndex(part).catch(() => undefined);
  if (index === undefined && !isPart) return {};
  const own = partOf(groups);
  const { size, expertParallel, tensorParallel = 1, expertShards = 1 } = index?.part ?? own;
  const isSame =
    size === own.size &&
    expertParallel === own.expertParallel &&
    tensorParallel === (own.tensorParallel ?? 1) &&
    expertShards === (own.expertShards ?? 1);
  if (!isSame) return {};
  return { parts: { run: basename(run.path), ...(isExact && { step: stepOf(path)! }) } };
}

/** The run folder that `--resume` names by a path, as this rank writes it: the folder itself, or something in it. */
function namedRun({ resume }: Pick<TrainCommandOptions, 'resume'>): string | undefined {
  if (typeof resume !== 'string' || resume === 'latest') return undefined;
  let path = resolve(resume);
  for (const isInside of [
    (name: string) => stepOf(name) !== undefined,
    (name: string) => partRankOf(name) !== undefined,
    (name: string) => name === 'checkpoints',
  ]) {
    if (isInside(basename(path))) path = dirname(path);
  }
  return path;
}

function asUserError(error: unknown): UserError {
  if (error instanceof UserError) return error;
  throw error;
}
