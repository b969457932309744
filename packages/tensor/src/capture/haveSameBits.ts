/** Whether two lists of 32-bit numbers are the same, bit for bit: -0 is not 0, and a NaN is itself. */
export function haveSameBits(a: Float32Array | Int32Array, b: Float32Array | Int32Array): boolean {
  const [some, others] = [bitsOf(a), bitsOf(b)];
  let i = 0;
  while (i < some.length && some[i] === others[i]) i++;
  return i === some.length && some.length === others.length;
}

function bitsOf({ buffer, byteOffset, length }: Float32Array | Int32Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length);
}
