import { createHash } from 'node:crypto';

import { expectInteger, expectRecord, expectText, expectThat } from '@scmoe/errors';

import type { SkippedImage } from '../ImageSet.js';
import type { ImageSize } from '../RgbImage.js';

/**
 * A file of decoded pictures: a header, the pictures one after the other, (count, height, width, 3) bytes, and an index in
 * JSON. The header is written last, so that a file without one was never finished.
 *
 * Header: "scmoeimg", version (uint32), 4 bytes of nothing, then (uint64) offset and length of the index; SHA-256 of the
 * index. Little-endian.
 */
export const headerBytes = 64;

const magic = 'scmoeimg';

/** A program reads files of its own version only. */
export const cacheVersion = 1;

/** What stands behind the pictures. */
export interface CacheIndex {
  size: ImageSize;
  classNames: string[];
  /** The pictures of each split: the number of each picture in the file, and its class. */
  splits: { train: CachedSplit; test: CachedSplit };
  skipped: SkippedImage[];
  numSkipped: number;
  numIgnored: number;
  fingerprint: string;
}

export interface CachedSplit {
  rows: Uint32Array;
  labels: Int32Array;
}

/** The index as it is written. */
export function indexBytes(index: CacheIndex): Buffer {
  const stored = ({ rows, labels }: CachedSplit) => ({ rows: toBase64(rows), labels: toBase64(labels) });
  const { train, test } = index.splits;
  return Buffer.from(JSON.stringify({ ...index, splits: { train: stored(train), test: stored(test) } }));
}

/** Reads an index. @throws SyntaxError or ArgumentError where it is none. */
export function parseIndex(bytes: Buffer): CacheIndex {
  const index: unknown = JSON.parse(bytes.toString());
  expectRecord('index', index);
  const { splits, size } = index;
  expectRecord('splits', splits);
  expectRecord('size', size);
  expectInteger('height', size['height'], { minimum: 1 });
  expectInteger('width', size['width'], { minimum: 1 });
  return {
    ...(index as unknown as CacheIndex),
    splits: { train: parseSplit(splits['train']), test: parseSplit(splits['test']) },
  };
}

function parseSplit(split: unknown): CachedSplit {
  expectRecord('split', split);
  const { rows, labels } = split;
  expectText('rows', rows);
  expectText('labels', labels);
  const [rowBytes, labelBytes] = [fromBase64(rows), fromBase64(labels)];
  expectThat(
    rowBytes.byteLength === labelBytes.byteLength,
    'labels',
    `${rowBytes.byteLength} bytes`,
    labelBytes.byteLength,
  );
  return { rows: new Uint32Array(rowBytes), labels: new Int32Array(labelBytes) };
}

/** The header of a file whose index lies at `offset`. */
export function headerOf(index: Buffer, offset: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.write(magic, 0, 'latin1');
  header.writeUInt32LE(cacheVersion, 8);
  header.writeBigUInt64LE(BigInt(offset), 16);
  header.writeBigUInt64LE(BigInt(index.length), 24);
  createHash('sha256').update(index).digest().copy(header, 32);
  return header;
}

/** Where the index is, and its hash; a text says why a header is none of ours. */
export function readHeader(header: Buffer): { offset: number; length: number; sha256: Buffer } | string {
  if (header.length < headerBytes || header.toString('latin1', 0, 8) !== magic) return 'it is no finished image cache';
  const version = header.readUInt32LE(8);
  if (version !== cacheVersion) return `expected version ${cacheVersion}, got ${version}`;
  const [offset, length] = [Number(header.readBigUInt64LE(16)), Number(header.readBigUInt64LE(24))];
  return { offset, length, sha256: header.subarray(32, 64) };
}

const toBase64 = (array: Uint32Array | Int32Array): string =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64');

// A Buffer of Node's pool may begin anywhere; arrays of 32 bits may not.
const fromBase64 = (text: string): ArrayBuffer => new Uint8Array(Buffer.from(text, 'base64')).buffer;
