/** Values of a tensor, row-major, and its shape. */
export interface Values<Data> {
  data: Data;
  shape: readonly number[];
}

/** The numbers that tensors are stored in. */
type Numbers = Float32Array | Int32Array | Uint16Array | Uint8Array;

/** Takes run `first` of `count` entries along an axis. The bits stay what they are. */
export function sliceAlong<Data extends Numbers>(
  { data, shape }: Values<Data>,
  axis: number,
  { first, count }: { first: number; count: number },
): Values<Data> {
  const outer = product(shape.slice(0, axis));
  const [inner, extent] = [product(shape.slice(axis + 1)), shape[axis]!];
  const taken = data.slice(0, outer * count * inner) as Data;
  for (let row = 0; row < outer; row++) {
    const begin = (row * extent + first) * inner;
    taken.set(data.subarray(begin, begin + count * inner), row * count * inner);
  }
  return { data: taken, shape: shape.map((length, i) => (i === axis ? count : length)) };
}

/** Joins tensors along an axis, of which the others are alike: what `sliceAlong` takes apart. */
export function joinAlong(parts: readonly Values<Float32Array>[], axis: number): Values<Float32Array> {
  const { shape } = parts[0]!;
  const outer = product(shape.slice(0, axis));
  const extent = parts.reduce((sum, part) => sum + part.shape[axis]!, 0);
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let begin = 0;
  for (let row = 0; row < outer; row++) {
    for (const part of parts) {
      const length = part.data.length / outer;
      data.set(part.data.subarray(row * length, (row + 1) * length), begin);
      begin += length;
    }
  }
  return { data, shape: shape.map((length, i) => (i === axis ? extent : length)) };
}

function product(lengths: readonly number[]): number {
  return lengths.reduce((all, length) => all * length, 1);
}
