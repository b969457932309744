import {
  keepsTransposed,
  tensorOver,
  toFloat32,
  toWeightFormat,
  transposedOver,
  type MappedNumbers,
  type StoredTensor,
  type WeightFormat,
} from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { PretrainedFolder } from '../folder/openFolder.js';
import type { TensorLink, TensorPlace } from './linkTensors.js';

export interface TakeOptions {
  /** The name in the folder of a name of theirs. */
  place: (name: string) => string;
  /** What a matrix of ours that kernels read as it is stored is kept in; undefined for any other tensor. */
  formatOf: (place: TensorPlace) => WeightFormat | undefined;
}

/** Smaller tensors are read: a page of a file would be mapped for each. */
const smallestMapped = 2 ** 14;

/**
 * The tensors of a link without a copy in another order: matrices that lie the other way round, where kernels read them so, and
 * large tensors that lie as ours do. What can't be mapped is read to memory of its own.
 *
 * @returns undefined where they have to be put in order
 */
export async function takeAsTheyLie(
  folder: PretrainedFolder,
  link: TensorLink,
  { place, formatOf }: TakeOptions,
): Promise<tf.Tensor[] | undefined> {
  const { ours, theirs, transposed, groups } = link;
  if (!keepsTransposed()) return undefined;
  const formats = ours.map(formatOf);
  if (!transposed) return mapInOrder(folder, link, { place, format: formats[0] });
  // What is made anew whenever a part is read would be so for each of ours.
  const isMadeOften = ours.length > 1 && folder.tensors.get(place(theirs[0]!.name))?.made === 'whole';
  if (groups > 1 || isMadeOften) return undefined;
  if (formats.includes(undefined)) return undefined;
  const tensors: tf.Tensor[] = [];
  try {
    for (const [which, { shape }] of ours.entries())
      tensors.push(kept(await matricesOf(folder, link, which, place), shape, formats[which]!));
  } catch (error) {
    tf.dispose(tensors);
    throw error;
  }
  return tensors;
}

/** A large tensor that lies as ours does: where it is, of float32, or as float32 numbers. */
function mapInOrder(
  folder: PretrainedFolder,
  { ours, theirs, stacked, groups, part }: TensorLink,
  { place, format = 'float32' }: { place: TakeOptions['place']; format: WeightFormat | undefined },
): tf.Tensor[] | undefined {
  const count = sizeOf(ours[0]!.shape);
  if (stacked || ours.length > 1 || groups > 1 || count < smallestMapped || format !== 'float32') return undefined;
  const { name, shape } = theirs[0]!;
  const values = folder.map(place(name), { begin: (part?.first ?? 0) * sizeOf(shape.slice(1)), count });
  return values && [tensorOver(widened(values), ours[0]!.shape)];
}

/** Matrices as they lie where they are to be kept so, else rounded. */
function kept(matrices: readonly MappedNumbers[], shape: readonly number[], format: WeightFormat): tf.Tensor {
  const tensor = transposedOver(matrices, shape);
  if (format === 'float32') return tensor;
  try {
    return toWeightFormat(tensor, format);
  } finally {
    tensor.dispose();
  }
}

/** The matrices of one of ours, each a run of rows of theirs. */
async function matricesOf(
  folder: PretrainedFolder,
  { ours, theirs, stacked, part }: TensorLink,
  which: number,
  place: (name: string) => string,
): Promise<MappedNumbers[]> {
  const [dIn, dOut] = ours[which]!.shape.slice(-2) as [number, number];
  const rows = ours.reduce((sum, { shape }) => sum + shape.at(-1)!, 0);
  const before = ours.slice(0, which).reduce((sum, { shape }) => sum + shape.at(-1)!, 0);
  const count = sizeOf(ours[which]!.shape.slice(0, -2));
  const matrices: MappedNumbers[] = [];
  for (let index = 0; index < count; index++) {
    const name = place(theirs[stacked ? index : 0]!.name);
    const matrix = stacked ? 0 : (part?.first ?? 0) + index;
    const range = { begin: (matrix * rows + before) * dIn, count: dIn * dOut };
    matrices.push(folder.map(name, range) ?? numbersOf(await folder.read(name, range)));
  }
  const isMixed = matrices.some((matrix) => matrix.constructor !== matrices[0]!.constructor);
  return isMixed ? matrices.map(widened) : matrices;
}

function numbersOf(stored: StoredTensor): MappedNumbers {
  return stored.dtype === 'BF16' ? (stored.data as Uint16Array) : toFloat32(stored);
}

function widened(numbers: MappedNumbers): Float32Array {
  return numbers instanceof Float32Array
    ? numbers
    : toFloat32({ dtype: 'BF16', shape: [numbers.length], data: numbers });
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, axis) => product * axis, 1);
}
