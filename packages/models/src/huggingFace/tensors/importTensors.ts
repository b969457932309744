import {
  tensorOver,
  toFloat32,
  toWeightFormat,
  type ElementRange,
  type StoredTensor,
  type WeightFormat,
} from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import type { FolderTensor, PretrainedFolder } from '../folder/openFolder.js';
import { PretrainedError } from '../PretrainedError.js';
import type { TensorLink, TensorPlace } from './linkTensors.js';

import { placeRows, rowsOf } from './placeTensor.js';
import { takeAsTheyLie } from './takeAsTheyLie.js';

export interface ImportOptions {
  /** Names in the checkpoint that are neither needed nor an error. */
  isUnused?: (name: string) => boolean;
  /** Tensors that have to be there and are not read. */
  unread?: readonly TensorLink[];
  /**
   * Prefix of all names in the checkpoint, where they may also be written without it (as a bare backbone was saved).
   */
  prefix?: string;
  /**
   * What each of our tensors is rounded to and kept in: those that kernels read as they are stored. Of these what lies in a file
   * the other way round is left there. Default: none, which is float32.
   */
  formatOf?: (tensor: TensorPlace) => WeightFormat | undefined;
}

/**
 * Reads the tensors of a model from a checkpoint, float32 from whatever floating-point type is stored, one at a time; or leaves
 * them where they are, in mapped files.
 * The caller disposes the result.
 *
 * @throws PretrainedError listing every tensor that is missing, unexpected or of another shape or type.
 */
export async function importTensors(
  folder: PretrainedFolder,
  links: readonly TensorLink[],
  { isUnused = () => false, unread = [], prefix = '', formatOf = () => undefined }: ImportOptions = {},
): Promise<Record<string, tf.Tensor>> {
  const place = (name: string) => (folder.tensors.has(name) ? name : name.slice(startsWith(name, prefix)));
  checkTensors(folder, [...links, ...unread], { isUnused, place });
  const tensors: Record<string, tf.Tensor> = {};
  try {
    const blocks = new BlockReader(folder);
    for (const link of links) {
      const taken = await takeAsTheyLie(folder, link, { place, formatOf });
      if (taken) {
        link.ours.forEach(({ name }, k) => (tensors[name] = taken[k]!));
        continue;
      }
      const targets = link.ours.map(({ shape }) => new Float32Array(sizeOf(shape)));
      for (const [index, { name, shape }] of link.theirs.entries())
        await importTensor(link, index, { name: place(name), shape }, targets, blocks);
      for (const [k, { name, shape }] of link.ours.entries()) {
        const tensor = tensorOver(targets[k]!, shape);
        const format = formatOf({ name, shape }) ?? 'float32';
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

/** Reads one of theirs to its place in ours, some rows at a time: the next ones while those before them find their place. */
async function importTensor(
  link: TensorLink,
  index: number,
  { name, shape }: TensorPlace,
  targets: readonly Float32Array[],
  blocks: BlockReader,
): Promise<void> {
  const [entries = 1, ...rest] = shape;
  // Of stacked experts no others are read than those that are here.
  const { first, count } = link.part ?? { first: 0, count: entries };
  const [begin, total] = [first * sizeOf(rest), count * sizeOf(rest)];
  if (total === 0) return;
  const isSame = !link.stacked && !link.transposed && link.ours.length === 1;
  if (isSame && (await blocks.readInto(name, { begin, count: total }, targets[0]!))) return;
  const rows = rowsOf(link, total);
  const made = blocks.made(name);
  const isLarge = made === 'matrices' || made === 'whole';
  const step = isLarge ? rows.perMatrix : Math.max(1, Math.floor(blockElements / rows.length));
  const parts: { first: number; count: number }[] = [];
  for (let first = 0; first < rows.count;) {
    const count = Math.min(step, rows.perMatrix - (first % rows.perMatrix));
    parts.push({ first, count });
    first += count;
  }
  const range = (part: { first: number; count: number }) => ({
    begin: begin + part.first * rows.length,
    count: part.count * rows.length,
  });
  if (made === 'whole') {
    const whole = toFloat32(await blocks.readWhole(name, { begin, count: total }));
    for (const part of parts) {
      const at = part.first * rows.length;
      placeRows(link, index, rows, part, whole.subarray(at, at + part.count * rows.length), targets);
    }
    return;
  }
  let next = blocks.read(name, range(parts[0]!));
  for (const [i, part] of parts.entries()) {
    const values = await next;
    const following = parts[i + 1];
    if (following) next = blocks.read(name, range(following));
    placeRows(link, index, rows, part, values, targets);
  }
}

/** Elements that are read at a time: two times so many lie in the cache of a processor, beside where they go. */
const blockElements = 2 ** 18;

/** Reads blocks of tensors as float32, into memory that two blocks in turn have. */
class BlockReader {
  private turn = 0;
  private readonly memories = Array.from({ length: 4 }, () => new ArrayBuffer(0));

  constructor(private readonly folder: PretrainedFolder) {}

  /** What of a tensor is made anew whenever a part is read. */
  made(name: string): FolderTensor['made'] {
    return this.folder.tensors.get(name)?.made;
  }

  readWhole(name: string, elements: ElementRange): Promise<StoredTensor> {
    return this.folder.read(name, elements);
  }

  /** Elements of a tensor; they stay until the block after the next is read. */
  async read(name: string, elements: ElementRange): Promise<Float32Array> {
    this.turn = 1 - this.turn;
    const own = this.turn;
    const stored = await this.folder.read(name, elements, (bytes) => this.memory(own, bytes));
    if (stored.dtype !== 'BF16') return toFloat32(stored);
    const words = new Uint32Array(this.memory(2 + own, 4 * elements.count), 0, elements.count);
    const bits = stored.data as Uint16Array;
    for (let i = 0; i < words.length; i++) words[i] = bits[i]! << 16;
    return new Float32Array(words.buffer, 0, words.length);
  }

  /** Reads elements to their place where they are float32 there and here. @returns whether they were */
  async readInto(name: string, elements: ElementRange, target: Float32Array): Promise<boolean> {
    if (this.made(name) || this.folder.tensors.get(name)?.dtype !== 'F32') return false;
    const own = target.buffer as ArrayBuffer;
    const stored = await this.folder.read(name, elements, (bytes) =>
      bytes === target.byteLength ? own : new ArrayBuffer(bytes),
    );
    if (stored.data.buffer !== own) target.set(toFloat32(stored));
    return true;
  }

  private memory(which: number, bytes: number): ArrayBuffer {
    if (this.memories[which]!.byteLength < bytes) this.memories[which] = new ArrayBuffer(bytes);
    return this.memories[which]!;
  }
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
