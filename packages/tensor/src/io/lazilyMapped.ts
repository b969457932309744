import type { FileHandle } from 'node:fs/promises';

import { mapFile, type MappedFile } from './mapFile.js';

/** Elements of a tensor, in row-major order. */
export interface ElementRange {
  readonly begin: number;
  readonly count: number;
}

/** Numbers in a mapped file: float32, or bf16 in a Uint16Array. */
export type MappedNumbers = Float32Array | Uint16Array;

/** An open file whose numbers can be had as memory. */
export interface LazilyMapped {
  /** Those of a range of a tensor that begins at a byte; undefined where they can't be had so. They outlive `close`. */
  numbers(dtype: string, start: number, elements: ElementRange): MappedNumbers | undefined;
  /** Gives the file back; memory that was handed out stays. */
  close(): void;
}

/** Numbers of an open file as memory, which is mapped when the first are asked for. */
export function lazilyMapped(file: FileHandle, size: number): LazilyMapped {
  let map: MappedFile | undefined;
  let isTried = false;
  return {
    numbers(dtype, start, { begin, count }) {
      const of = { F32: Float32Array, BF16: Uint16Array }[dtype];
      if (!of || count === 0) return undefined;
      const [first, bytes] = [start + begin * of.BYTES_PER_ELEMENT, count * of.BYTES_PER_ELEMENT];
      if (first % of.BYTES_PER_ELEMENT !== 0) return undefined;
      if (!isTried) map = mapFile(file.fd, size);
      isTried = true;
      const found = map?.bytes(first, bytes);
      return found && new of(found.buffer as ArrayBuffer, found.byteOffset, count);
    },
    close: () => map?.close(),
  };
}
