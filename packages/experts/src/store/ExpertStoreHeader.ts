import { createHash } from 'node:crypto';

import {
  ArgumentError,
  expectPositiveInteger,
  expectRecord,
  expectText,
  expectThat,
  expectWholeNumber,
} from '@scmoe/errors';

/** A weight of each expert. */
export interface PackedTensor {
  /** `gate`, `up`, `down`; `w1`, `b1`, `w2`, `b2`. */
  name: string;
  /** Shape in one expert: (d, f). */
  shape: number[];
  /** Where it begins in the expert, in bytes. */
  offset: number;
}

/** `experts.json`: what lies where in `experts.bin`, and what it was made from. */
export interface ExpertStoreHeader {
  format: 'scmoe-experts';
  version: 1;
  dtype: 'F32';
  /** Layers with experts, by the first part of their parameters' names, in the order of the model. */
  layers: string[];
  numExperts: number;
  /** The weights of an expert, one behind the other. */
  tensors: PackedTensor[];
  /** Bytes from one expert to the next: a multiple of `alignment`. Expert e of layer l is number l * numExperts + e. */
  stride: number;
  alignment: number;
  /** CRC-32 of the bytes of each expert, of each layer. */
  crc32: number[][];
  /** The checkpoint: its step, the SHA-256 of its model file, and whether the experts are moving averages. */
  source: { step: number; model: string; averages: boolean };
}

export const headerFile = 'experts.json';
export const dataFile = 'experts.bin';

/** The header as text; its last entry is a checksum over all others. */
export function formatHeader(header: ExpertStoreHeader): string {
  return `${JSON.stringify({ ...header, checksum: checksumOf(header) })}\n`;
}

/**
 * Reads a header back, whoever has written it: nothing of it is used before it has been looked at.
 *
 * @throws ArgumentError saying what is wrong with it
 */
export function parseHeader(text: string): ExpertStoreHeader {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ArgumentError(`expected JSON, got something else: ${(error as Error).message}`, { cause: error });
  }
  expectRecord('header', value);
  const { checksum, ...header } = value;
  expectThat(header['format'] === 'scmoe-experts', 'format', 'scmoe-experts', header['format']);
  expectThat(header['version'] === 1, 'version', '1', header['version']);
  const actual = checksumOf(header);
  expectThat(checksum === actual, 'checksum', actual, checksum);
  checkFields(header);
  return header as unknown as ExpertStoreHeader;
}

function checkFields(header: Record<string, unknown>): void {
  const { dtype, layers, numExperts, tensors, stride, alignment, crc32, source } = header;
  expectThat(dtype === 'F32', 'dtype', 'F32', dtype);
  expectPositiveInteger('numExperts', numExperts);
  expectPositiveInteger('stride', stride);
  expectPositiveInteger('alignment', alignment);
  expectThat(stride % alignment === 0, 'stride', `a multiple of ${alignment}`, stride);
  expectThat(Array.isArray(layers) && layers.length > 0, 'layers', 'a list of names', layers);
  expectThat(Array.isArray(tensors) && tensors.length > 0, 'tensors', 'a list of weights', tensors);
  for (const tensor of tensors as unknown[]) {
    expectRecord('tensors', tensor);
    expectText('tensors: name', tensor['name']);
    expectWholeNumber('tensors: offset', tensor['offset']);
    const { shape } = tensor;
    expectThat(Array.isArray(shape), 'tensors: shape', 'a list of lengths', shape);
    shape.forEach((length: unknown) => expectPositiveInteger('tensors: shape', length));
    const end = tensor['offset'] + 4 * (shape as number[]).reduce((product, length) => product * length, 1);
    expectThat(end <= stride, 'tensors', `weights within the ${stride} bytes of an expert`, end);
  }
  const isTable =
    Array.isArray(crc32) &&
    crc32.length === layers.length &&
    crc32.every((row) => Array.isArray(row) && row.length === numExperts);
  expectThat(isTable, 'crc32', `${numExperts} checksums for each of ${layers.length} layers`, crc32);
  expectRecord('source', source);
  expectText('source.model', source['model']);
}

function checksumOf(header: object): string {
  return createHash('sha256').update(JSON.stringify(header)).digest('hex');
}
