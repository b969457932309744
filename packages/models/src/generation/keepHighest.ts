/** Bits of a key that are looked at first, next and last. */
const digits = [
  { shift: 19, width: 13 },
  { shift: 6, width: 13 },
  { shift: 0, width: 6 },
];

const signBit = -0x80000000;

/**
 * Those of `ids` (ascending) with the highest keys, in ascending order: as few as have amounts of at least `goal` together, at
 * least one, all where they have less. Of equal keys the first are taken. Nothing is sorted: the cut is found digit by digit
 * (radix selection).
 *
 * @param keys of every id, no NaN among them
 * @param amounts of every id, >= 0; undefined: 1 each
 */
export function keepHighest(
  keys: Float32Array,
  amounts: Float64Array | undefined,
  ids: Int32Array,
  goal: number,
): Int32Array {
  const bits = new Int32Array(keys.buffer, keys.byteOffset, keys.length);
  return select(bits, amounts, ids, goal, 0);
}

function select(
  bits: Int32Array,
  amounts: Float64Array | undefined,
  ids: Int32Array,
  goal: number,
  digit: number,
): Int32Array {
  if (digit === digits.length) return firstOf(amounts, ids, goal);
  const { shift, width } = digits[digit]!;
  const mask = (1 << width) - 1;
  const counts = new Int32Array(1 << width);
  const sums = new Float64Array(1 << width);
  for (let i = 0; i < ids.length; i++) {
    const place = (inOrder(bits[ids[i]!]!) >>> shift) & mask;
    counts[place]! += 1;
    if (amounts !== undefined) sums[place]! += amounts[ids[i]!]!;
  }
  let [cut, reached, numAbove] = [mask, 0, 0];
  for (; cut > 0; cut--) {
    const here = amounts === undefined ? counts[cut]! : sums[cut]!;
    if (reached + here >= goal && counts[cut]! > 0) break;
    reached += here;
    numAbove += counts[cut]!;
  }
  const above = new Int32Array(numAbove);
  const atCut = new Int32Array(counts[cut]!);
  for (let i = 0, a = 0, b = 0; a < above.length || b < atCut.length; i++) {
    const place = (inOrder(bits[ids[i]!]!) >>> shift) & mask;
    if (place > cut) above[a++] = ids[i]!;
    else if (place === cut) atCut[b++] = ids[i]!;
  }
  return merged(above, select(bits, amounts, atCut, goal - reached, digit + 1));
}

/** Bits of a float32 as an unsigned number that grows with it; -0 is 0. */
function inOrder(bits: number): number {
  return bits === signBit ? signBit : bits ^ ((bits >> 31) | signBit);
}

function firstOf(amounts: Float64Array | undefined, ids: Int32Array, goal: number): Int32Array {
  let count = 0;
  for (let reached = 0; count < ids.length && (count === 0 || reached < goal); count++) {
    reached += amounts === undefined ? 1 : amounts[ids[count]!]!;
  }
  return ids.subarray(0, count);
}

/** Both ascend, and so does the result. */
function merged(a: Int32Array, b: Int32Array): Int32Array {
  const result = new Int32Array(a.length + b.length);
  for (let i = 0, j = 0; i + j < result.length;) {
    const takeA = j === b.length || (i < a.length && a[i]! < b[j]!);
    result[i + j] = takeA ? a[i]! : b[j]!;
    if (takeA) i++;
    else j++;
  }
  return result;
}
