import { ArgumentError } from '@scmoe/errors';

/** Gloo's addresses take at most 192 bytes and a length for each other rank; NCCL's id 128 bytes in all. */
const mostBytesPerRank = 200;

/** Bytes as an Int32Array whose length depends on the number of ranks alone, so that all ranks can gather them. */
export function packBytes(bytes: Uint8Array, ranks: number): Int32Array {
  const packed = new Int32Array(1 + Math.ceil((mostBytesPerRank * ranks) / 4));
  if (bytes.length > (packed.length - 1) * 4) {
    throw new ArgumentError(
      `expected at most ${(packed.length - 1) * 4} bytes for ${ranks} ranks, got ${bytes.length}`,
    );
  }
  packed[0] = bytes.length;
  new Uint8Array(packed.buffer, 4).set(bytes);
  return packed;
}

export function unpackBytes(packed: Int32Array): Uint8Array {
  return new Uint8Array(packed.buffer, packed.byteOffset + 4, packed[0]).slice();
}
