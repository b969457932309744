import { open, type FileHandle } from 'node:fs/promises';

import { lazilyMapped, type ElementRange, type MappedNumbers, type ReadMemory, type StoredTensor } from '@scmoe/tensor';

import { PretrainedError } from '../PretrainedError.js';
import { elementTypes, type ElementType } from './elementTypes.js';

/** A tensor in a file of GGUF. */
export interface GgufTensor {
  readonly name: string;
  /** Its axes as numpy has them, the slowest first, which a file has last. */
  readonly shape: readonly number[];
  readonly type: ElementType;
  /** Reads all of its elements, or in row-major order those of a range. */
  readonly read: (elements?: ElementRange, memory?: ReadMemory) => Promise<StoredTensor>;
  /** The same elements as they lie in the mapped file; undefined where they can't be had so. */
  readonly map: (elements?: ElementRange) => MappedNumbers | undefined;
}

/** The files of one model in GGUF, whose headers were read. Close them. */
export interface GgufFiles {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  readonly close: () => Promise<void>;
}

/**
 * Opens a model in GGUF: one file, or all of its parts by the path of the first, `x-00001-of-00003.gguf`. Of the tensors only
 * names, types and places are read.
 *
 * @throws PretrainedError where a file is missing or damaged, or has numbers of a type that is not read
 */
export async function openGgufFiles(path: string): Promise<GgufFiles> {
  const opened: FileHandle[] = [];
  const closers: (() => void)[] = [];
  const close = async () => {
    for (const close of closers) close();
    await Promise.all(opened.map((file) => file.close()));
  };
  try {
    const tensors = new Map<string, GgufTensor>();
    let metadata: Record<string, unknown> | undefined;
    for (const part of partsOf(path)) {
      const file = await open(part, 'r');
      opened.push(file);
      const header = await readHeader(part);
      metadata ??= header.metadata;
      for (const tensor of await tensorsIn(part, file, header, closers)) {
        if (tensors.has(tensor.name)) throw new PretrainedError(`${part}: '${tensor.name}' is there twice`);
        tensors.set(tensor.name, tensor);
      }
    }
    return { metadata: metadata!, tensors, close };
  } catch (error) {
    await close();
    if (error instanceof PretrainedError) throw error;
    throw new PretrainedError(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

type Header = Awaited<ReturnType<typeof readHeader>>;

async function readHeader(path: string) {
  // Not before a model asks for it: the module brings tables of all models of a hub.
  const { gguf } = await import('@huggingface/gguf');
  const { metadata, tensorInfos, tensorDataOffset, littleEndian } = await gguf(path, { allowLocalFile: true });
  if (!littleEndian) throw new PretrainedError(`${path}: expected numbers with their low bytes first`);
  return { metadata: metadata as Record<string, unknown>, tensorInfos, start: Number(tensorDataOffset) };
}

function partsOf(path: string): string[] {
  const [, prefix, first, count] = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/.exec(path) ?? [];
  if (count === undefined) return [path];
  if (Number(first) !== 1)
    throw new PretrainedError(`${path}: expected the first part, ${prefix}-00001-of-${count}.gguf`);
  return Array.from(
    { length: Number(count) },
    (_, i) => `${prefix}-${String(i + 1).padStart(5, '0')}-of-${count}.gguf`,
  );
}

async function tensorsIn(
  path: string,
  file: FileHandle,
  { tensorInfos, start }: Header,
  closers: (() => void)[],
): Promise<GgufTensor[]> {
  const { size } = await file.stat();
  const mapped = lazilyMapped(file, size);
  closers.push(() => mapped.close());
  return tensorInfos.map((info) => {
    const { name } = info;
    const type = elementTypes[info.dtype];
    if (!type) {
      const read = Object.entries(elementTypes).map(([number, each]) => `${each.name} (${number})`);
      throw new PretrainedError(`${path}: '${name}': expected numbers of type ${read.join(', ')}, got ${info.dtype}`);
    }
    const shape = info.shape.map(Number).reverse();
    const count = shape.reduce((product, axis) => product * axis, 1);
    const begin = start + Number(info.offset);
    const whole = (shape.at(-1) ?? 1) % type.elements === 0;
    if (!whole)
      throw new PretrainedError(`${path}: '${name}': expected rows of whole blocks, got (${shape.join(', ')})`);
    if (begin + (count / type.elements) * type.bytes > size)
      throw new PretrainedError(`${path}: the file ends within '${name}'`);
    const read = async (elements: ElementRange = { begin: 0, count }, memory?: ReadMemory) => {
      const data = await readElements(file, type, begin, { ...elements, memory });
      return { dtype: type.dtype, shape: elements.count === count ? [...shape] : [elements.count], data };
    };
    const map = (elements: ElementRange = { begin: 0, count }) =>
      type.elements > 1 ? undefined : mapped.numbers(type.dtype, begin, elements);
    return { name, shape, type, read, map };
  });
}

/** Reads the blocks that have the elements of a range, and gives these. */
async function readElements(
  file: FileHandle,
  type: ElementType,
  start: number,
  { begin, count, memory = (bytes) => new ArrayBuffer(bytes) }: ElementRange & { memory: ReadMemory | undefined },
): Promise<StoredTensor['data']> {
  const first = Math.floor(begin / type.elements);
  const end = Math.ceil((begin + count) / type.elements);
  const length = (end - first) * type.bytes;
  const isEncoded = type.elements > 1;
  const bytes = new Uint8Array(isEncoded ? new ArrayBuffer(length) : memory(length), 0, length);
  for (let done = 0; done < bytes.length;) {
    // A single system call reads less than 2 GiB.
    const part = Math.min(2 ** 30, bytes.length - done);
    const { bytesRead } = await file.read(bytes, done, part, start + first * type.bytes + done);
    if (bytesRead === 0) throw new PretrainedError('the file was cut short while it was read');
    done += bytesRead;
  }
  const skipped = begin - first * type.elements;
  const total = (end - first) * type.elements;
  const data = type.decode(bytes, isEncoded ? new Float32Array(memory(4 * total), 0, total) : undefined);
  return skipped === 0 && data.length === count ? data : data.subarray(skipped, skipped + count);
}
