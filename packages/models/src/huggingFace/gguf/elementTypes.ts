import { toFloat32, type StoredTensor } from '@scmoe/tensor';

import { e2m1 } from '../layouts/e2m1.js';

/** How numbers of one type of GGML lie in a file: in blocks of so many elements and bytes. */
export interface ElementType {
  readonly name: string;
  readonly dtype: 'F32' | 'F16' | 'BF16';
  readonly elements: number;
  readonly bytes: number;
  /** The numbers of whole blocks; those of more than one element are written to `values`. `bytes` begins its buffer. */
  decode(bytes: Uint8Array, values?: Float32Array): StoredTensor['data'];
}

const plain = (name: ElementType['dtype'], bytes: number, decode: ElementType['decode']): ElementType => ({
  name,
  dtype: name,
  elements: 1,
  bytes,
  decode,
});

/** The types that are read, by their number in `ggml.h`; others are refused by that number. */
export const elementTypes: Readonly<Record<number, ElementType>> = {
  0: plain('F32', 4, ({ buffer, length }) => new Float32Array(buffer, 0, length / 4)),
  1: plain('F16', 2, halves),
  30: plain('BF16', 2, halves),
  8: { name: 'Q8_0', dtype: 'F32', elements: 32, bytes: 34, decode: decodeQ8 },
  39: { name: 'MXFP4', dtype: 'F32', elements: 32, bytes: 17, decode: decodeMxfp4 },
};

function halves({ buffer, length }: Uint8Array): Uint16Array {
  return new Uint16Array(buffer, 0, length / 2);
}

/** Blocks of a half-precision scale and 32 signed bytes. */
function decodeQ8(bytes: Uint8Array, values = new Float32Array((bytes.length / 34) * 32)): Float32Array {
  const blocks = bytes.length / 34;
  const view = new DataView(bytes.buffer);
  const bits = new Uint16Array(blocks);
  for (let block = 0; block < blocks; block++) bits[block] = view.getUint16(34 * block, true);
  const scales = toFloat32({ dtype: 'F16', shape: [blocks], data: bits });
  const codes = new Int8Array(bytes.buffer);
  for (let block = 0, at = 0; block < blocks; block++) {
    const scale = scales[block]!;
    const first = 34 * block + 2;
    for (let i = 0; i < 32; i++) values[at++] = codes[first + i]! * scale;
  }
  return values;
}

/** Blocks of an exponent and 32 codes of 4 bits: byte i has the elements i (low half) and i + 16 (high half). */
function decodeMxfp4(bytes: Uint8Array, values = new Float32Array((bytes.length / 17) * 32)): Float32Array {
  const blocks = bytes.length / 17;
  for (let block = 0; block < blocks; block++) {
    const first = 17 * block;
    const at = 32 * block;
    const scale = 2 ** (bytes[first]! - 127);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[first + 1 + i]!;
      values[at + i] = e2m1[pair & 15]! * scale;
      values[at + i + 16] = e2m1[pair >>> 4]! * scale;
    }
  }
  return values;
}
