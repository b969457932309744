import { toFloat32, toWeightFormat, type WeightFormat } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { PretrainedFolder } from '../folder/openFolder.js';
import { PretrainedError } from '../PretrainedError.js';
import { splitColumns } from './columns.js';
import type { TensorLink, TensorPlace } from './linkTensors.js';

export interface ImportOptions {
  /** Names in the checkpoint that are neither needed nor an error. */
  isUnused?: (name: string) => boolean;
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
  { isUnused = () => false, prefix = '', formatOf = () => 'float32' }: ImportOptions = {},
): Promise<Record<string, tf.Tensor>> {
  const place = (name: string) => (folder.tensors.has(name) ? name : name.slice(startsWith(name, prefix)));
  checkTensors(folder, links, { isUnused, place });
  const tensors: Record<string, tf.Tensor> = {};
  try {
    for (const link of links) {
      const parts: tf.Tensor[] = [];
      for (const theirs of link.theirs) {
        const [length = 1, ...rest] = theirs.shape;
        const size = rest.reduce((product, axis) => product * axis, 1);
        // Of stacked experts no others are read than those that are here.
        const { first, count } = link.part ?? { first: 0, count: length };
        const elements = link.part && { begin: first * size, count: count * size };
        const data = toFloat32(await folder.read(place(theirs.name), elements));
        parts.push(tf.tensor(data, [count, ...rest], 'float32'));
      }
      for (const [name, tensor] of Object.entries(toOurs(link, parts))) {
        const format = formatOf(name, tensor);
        tensors[name] = format === 'float32' ? tensor : toWeightFormat(tensor, format);
        if (tensors[name] !== tensor) tensor.dispose();
      }
      tf.dispose(parts);
    }
  } catch (error) {
    tf.dispose(tensors);
    throw error;
  }
  return tensors;
}

/** Theirs, one or one for each expert, in our names and layout. */
function toOurs({ ours, stacked, transposed, groups }: TensorLink, theirs: tf.Tensor[]): Record<string, tf.Tensor> {
  return tf.tidy(() => {
    const sizes = ours.map(({ shape }) => shape.at(-1)!);
    const columns = sizes.reduce((sum, size) => sum + size, 0);
    const leading = stacked ? [] : ours[0]!.shape.slice(0, -2);
    const oriented = theirs.map((tensor) =>
      transposed ? swapped(tf.reshape(tensor, [...leading, columns, -1])) : tensor,
    );
    const whole = stacked ? tf.stack(oriented) : oriented[0]!;
    if (ours.length === 1) return { [ours[0]!.name]: tf.reshape(whole, [...ours[0]!.shape]) };
    const split = splitColumns(whole, sizes, groups);
    return Object.fromEntries(ours.map(({ name }, i) => [name, split[i]!]));
  });
}

/** The last two axes in each other's place. */
function swapped(x: tf.Tensor): tf.Tensor {
  const axes = x.shape.map((_, axis) => axis);
  return tf.transpose(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
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
