import { stat } from 'node:fs/promises';
import { dirname, join as joinPath, resolve } from 'node:path';

import { UserError } from '@scmoe/errors';

import type { CheckpointPart } from './CheckpointPart.js';
import {
  type Checkpoint,
  checkpointBefore,
  loadCheckpoint,
  type LoadOptions,
  type StoredTensors,
} from './loadCheckpoint.js';
import { checkpointName, partFolder } from './listCheckpoints.js';

/** Options of `loadWholeCheckpoint`. */
export interface LoadWholeOptions extends LoadOptions {
  /** Whether ranks share a tensor out along its first axis, by its name: those of the experts. */
  isSharded: (name: string) => boolean;
}

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
  { rank, size, expertParallel, id }: CheckpointPart,
  { isSharded, skip }: LoadWholeOptions,
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
        const tensors = (isSharded(name) ? parts : [own]).map((part) => of(part)[name]);
        return [name, joinTensors(name, tensors)];
      }),
    );
  return {
    ...own,
    index,
    parameters: join(({ parameters }) => parameters),
    optimizerState: join(({ optimizerState }) => optimizerState),
  };
}

/** Joins tensors along their first axis. */
function joinTensors(name: string, tensors: (StoredTensors[string] | undefined)[]): StoredTensors[string] {
  const parts = tensors.filter((tensor) => tensor !== undefined);
  const [first] = parts;
  const rest = first!.shape.slice(1);
  const fit = parts.every(({ data, shape }) => data instanceof Float32Array && String(shape.slice(1)) === String(rest));
  if (tensors.length === 1) return first!;
  if (parts.length < tensors.length || !fit) {
    throw new UserError(`${name}: expected float32 of the same shape in the parts of all ranks, got another.`);
  }
  const count = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let begin = 0;
  for (const part of parts) {
    data.set(part.data as Float32Array, begin);
    begin += part.data.length;
  }
  return { ...first!, data, shape: [count, ...rest] };
}
