import { stat } from 'node:fs/promises';
import { dirname, join as joinPath, resolve } from 'node:path';

import { UserError } from '@scmoe/errors';

import type { ParameterPlacement } from '../parallel/RankGroups.js';
import { joinAlong } from '../parallel/sliceAlong.js';
import type { CheckpointPart } from './CheckpointPart.js';
import {
  type Checkpoint,
  checkpointBefore,
  loadCheckpoint,
  type LoadOptions,
  type StoredTensors,
} from './loadCheckpoint.js';
import { checkpointName, partFolder } from './listCheckpoints.js';

/** Options of `loadWholeCheckpoint`: where it is read from, and how ranks hold the parameters. */
export interface LoadWholeOptions extends LoadOptions, Required<ParameterPlacement> {}

/**
 * Loads a checkpoint as `loadCheckpoint` does; where ranks have saved a part each, their parts, put together to what one
 * rank would hold: those of the expert group whose part `path` is. They lie beside each other, `rank-0/step-000123`,
 * `rank-1/step-000123`, as on one disk, or as they were copied from the disks of several hosts.
 *
 * @throws UserError when it is damaged, incomplete, or of another program, naming the rank whose part is missing
 */
export async function loadWholeCheckpoint(path: string, options: LoadWholeOptions): Promise<Checkpoint> {
  const { fallback, skip } = options;
  const own = await loadCheckpoint(path, { fallback, skip });
  const { part } = own.index;
  if (part === undefined) return own;
  try {
    return await joinParts(own, part, options);
  } catch (error) {
    const earlier = fallback && error instanceof UserError ? await checkpointBefore(own.path) : undefined;
    if (earlier === undefined) throw error;
    fallback!(error as UserError);
    return loadWholeCheckpoint(earlier, options);
  }
}

async function joinParts(
  own: Checkpoint,
  { rank, size, expertParallel, tensorParallel = 1, expertShards = 1, id }: CheckpointPart,
  { isSharded, slicedAxis, skip }: LoadWholeOptions,
): Promise<Checkpoint> {
  const { part: _, ...index } = own.index;
  const folder = dirname(dirname(resolve(own.path)));
  const first = rank - (rank % expertParallel);
  const parts: Checkpoint[] = [];
  for (let member = first; member < first + expertParallel; member++) {
    const path = joinPath(partFolder(folder, member), checkpointName(index.step));
    const isThere = await stat(path).catch(() => undefined);
    const what = `${own.path} is the part of rank ${rank} of ${size}`;
    if (!isThere) {
      throw new UserError(
        `Checkpoint ${what}, and that of rank ${member} is missing: expected ${path}. ` +
          "Copy it there from that rank's host, or go on with as many ranks, each of which finds its own.",
      );
    }
    const part = member === rank ? own : await loadCheckpoint(path, { skip });
    if (part.index.part?.id !== id) throw new UserError(`Checkpoint ${what}, and ${path} is of another checkpoint.`);
    parts.push(part);
  }
  const join = (of: (part: Checkpoint) => StoredTensors) =>
    Object.fromEntries(
      Object.keys(of(own)).map((name) => {
        const axis = slicedAxis(name);
        const tensors = parts.map((part) => of(part)[name]);
        // A tensor-parallel group is the first ranks of an expert group, and has all slices of what is no expert.
        if (!isSharded(name))
          return [
            name,
            joinTensors(name, axis === undefined ? [of(own)[name]] : tensors.slice(0, tensorParallel), axis),
          ];
        const runs = Array.from({ length: expertParallel / expertShards }, (_, run) => {
          const slices = tensors.slice(run * expertShards, (run + 1) * expertShards);
          return joinTensors(name, axis === undefined ? slices.slice(0, 1) : slices, axis);
        });
        return [name, joinTensors(name, runs)];
      }),
    );
  return {
    ...own,
    index,
    parameters: join(({ parameters }) => parameters),
    optimizerState: join(({ optimizerState }) => optimizerState),
  };
}

/** Joins tensors along an axis. */
function joinTensors(
  name: string,
  tensors: readonly (StoredTensors[string] | undefined)[],
  axis = 0,
): StoredTensors[string] {
  const parts = tensors.filter((tensor) => tensor !== undefined);
  const [first] = parts;
  const around = (shape: readonly number[]) => String(shape.toSpliced(axis, 1));
  const fit = parts.every(({ data, shape }) => data instanceof Float32Array && around(shape) === around(first!.shape));
  if (tensors.length === 1) return first!;
  if (parts.length < tensors.length || !fit) {
    throw new UserError(`${name}: expected float32 of the same shape in the parts of all ranks, got another.`);
  }
  const { data, shape } = joinAlong(parts as { data: Float32Array; shape: number[] }[], axis);
  return { ...first!, data, shape: [...shape] };
}
