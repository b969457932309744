import type { TensorData } from '../binding/dataTypes.js';

/** The one element of which all elements are copies, bit for bit; undefined where they differ or there is none. */
export function asUniform(data: TensorData): TensorData | undefined {
  if (data.length === 0) return undefined;
  const first = data.slice(0, 1);
  const bytes = bytesOf(data);
  const size = data.BYTES_PER_ELEMENT;
  for (let i = size; i < bytes.length; i++) if (bytes[i] !== bytes[i - size]) return undefined;
  return first;
}

/** Whether two constants have the same elements, bit for bit: NaN equals NaN, and 0 is not -0. */
export function sameData(a: TensorData, b: TensorData): boolean {
  return a.byteLength === b.byteLength && Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
}

function bytesOf(data: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
