import { readFileSync } from 'node:fs';

interface Entry {
  dtype: 'U8' | 'F32';
  shape: number[];
  data_offsets: [number, number];
}

/** An array of a safetensors file. */
export interface StoredArray {
  shape: number[];
  data: Uint8Array | Float32Array;
}

/** Bytes and floats of a safetensors file, and what its writer says of it. */
export function readTensors(path: string): { tensors: Map<string, StoredArray>; metadata: Record<string, string> } {
  const file = readFileSync(path);
  const headerBytes = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes)) as Record<string, Entry> & {
    __metadata__: Record<string, string>;
  };
  const { __metadata__: metadata, ...entries } = header;
  const tensors = Object.entries(entries).map(([name, { dtype, shape, data_offsets: offsets }]) => {
    const bytes = new Uint8Array(file.subarray(8 + headerBytes + offsets[0], 8 + headerBytes + offsets[1]));
    return [name, { shape, data: dtype === 'U8' ? bytes : new Float32Array(bytes.buffer) }] as const;
  });
  return { tensors: new Map(tensors), metadata };
}
