import { tensorOver, toWeightFormat, type ReadMemory, type WeightFormat } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { PretrainedFolder } from '../folder/openFolder.js';
import { PretrainedError } from '../PretrainedError.js';
import type { TensorLink, TensorPlace } from './linkTensors.js';
import { placeTensor } from './placeTensor.js';

export interface ImportOptions {
  /** Names in the checkpoint that are neither needed nor an error. */
  isUnused?: (name: string) => boolean;
  /** Tensors that have to be there and are not read. */
  unread?: readonly TensorLink[];
  /**
   * Prefix of all names in the checkpoint, where they may also be written without it (as a bare backbone was saved).
   */
  prefix?: string;
  /** What each of our tensors is rounded to and kept in. Default: float32. */
  formatOf?: (name: string, tensor: tf.Tensor) => WeightFormat;
}

/**
 * Reads the tensors of a model from a checkpoint, float32 from whatever floating-point type is stored, one at a time.
 * The caller disposes the result.
 *
 * @throws PretrainedError listing every tensor that is missing, unexpected or of another shape or type.
 */
export async function importTensors(
  folder: PretrainedFolder,
  links: readonly TensorLink[],
  { isUnused = () => false, unread = [], prefix = '', formatOf = () => 'float32' }: ImportOptions = {},
): Promise<Record<string, tf.Tensor>> {
  const place = (name: string) => (folder.tensors.has(name) ? name : name.slice(startsWith(name, prefix)));
  checkTensors(folder, [...links, ...unread], { isUnused, place });
  const tensors: Record<string, tf.Tensor> = {};
  try {
    const scratch = scratchMemory();
    for (const link of links) {
      const targets = link.ours.map(({ shape }) => new Float32Array(sizeOf(shape)));
      // What lies in both as it is needs no other memory than its own.
      const isSame = !link.stacked && !link.transposed && link.ours.length === 1;
      for (const [index, { name, shape }] of link.theirs.entries()) {
        const [length = 1, ...rest] = shape;
        const size = sizeOf(rest);
        // Of stacked experts no others are read than those that are here.
        const { first, count } = link.part ?? { first: 0, count: length };
        const elements = link.part && { begin: first * size, count: count * size };
        const own = targets[0]!.buffer;
        const memory = (bytes: number) => (isSame && bytes === own.byteLength ? own : scratch(bytes));
        placeTensor(link, index, await folder.read(place(name), elements, memory), targets);
      }
      for (const [k, { name, shape }] of link.ours.entries()) {
        const tensor = tensorOver(targets[k]!, shape);
        const format = formatOf(name, tensor);
        tensors[name] = format === 'float32' ? tensor : toWeightFormat(tensor, format);
        if (tensors[name] !== tensor) tensor.dispose();
      }
    }
  } catch (error) {
    tf.dispose(tensors);
    throw error;
  }
  return tensors;
}

/** Memory that is used again for each tensor, and grows to the largest. */
function scratchMemory(): ReadMemory {
  let memory = new ArrayBuffer(0);
  return (bytes) => (memory.byteLength >= bytes ? memory : (memory = new ArrayBuffer(bytes)));
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, axis) => product * axis, 1);
}

function checkTensors(
  { path, tensors }: PretrainedFolder,
  links: readonly TensorLink[],
  { isUnused, place }: { isUnused: (name: string) => boolean; place: (name: string) => string },
): void {
  const problems: string[] = [];
  const known = new Set(links.flatMap(({ elsewhere }) => elsewhere.map(place)));
  for (const { name, shape } of links.flatMap(({ theirs }): readonly TensorPlace[] => theirs)) {
    const found = tensors.get(place(name));
    known.add(place(name));
    if (!found) problems.push(`'${name}' is missing`);
    else if (found.shape.join() !== shape.join()) {
      problems.push(`'${name}' has shape (${found.shape.join(', ')}), expected (${shape.join(', ')})`);
    } else if (!['F32', 'F16', 'BF16', 'F64'].includes(found.dtype)) {
      problems.push(`'${name}' has type ${found.dtype}, expected F32, F16, BF16 or F64`);
    }
  }
  for (const name of tensors.keys()) {
    if (!known.has(name) && !isUnused(name)) problems.push(`'${name}' is not expected`);
  }
  if (problems.length > 0) {
    throw new PretrainedError(`${path}: the tensors do not fit config.json: ${problems.join('; ')}`);
  }
}

/** Length of the prefix where the name has it, else 0. */
function startsWith(name: string, prefix: string): number {
  return name.startsWith(prefix) ? prefix.length : 0;
}
