import { philox4x32 } from '../random/philox.js';

/** Two words by which the moments of one parameter are rounded in one step. */
export type RoundingKeys = readonly [number, number];

/**
 * The keys of a parameter and a step: words of Philox at (seed, step, hash of the name), so that nothing has to be kept to go on
 * with the same ones.
 */
export function roundingKeys(seed: number, step: number, name: string): RoundingKeys {
  const words = philox4x32(seed, step, hashOf(name));
  return [words[0]! | 0, words[1]! | 0];
}

/**
 * The numbers as bfloat16 has them, each rounded to one of its two neighbours, the more often to one the nearer it is: what
 * `adamWRounded` of the addon does (native/cpu/random_rounding.h), bit for bit.
 *
 * @param half which half of the 32 bits that are drawn for a place rounds
 * @param first place of the first number
 */
export function roundAtRandom(
  values: Float32Array,
  { keys, first, half }: { keys: RoundingKeys; first: number; half: 'upper' | 'lower' },
): Float32Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const rounded = new Uint32Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const draw = drawFor(keys, first + i);
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    const carried = isNaN ? word | 0x400000 : word + (half === 'upper' ? draw >>> 16 : draw & 0xffff);
    rounded[i] = carried & 0xffff0000;
  }
  return new Float32Array(rounded.buffer);
}

function drawFor([first, second]: RoundingKeys, place: number): number {
  let x = (place + first) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(((x ^ (x >>> 15)) + second) | 0, 0x846ca68b);
  return x ^ (x >>> 16);
}

/** FNV-1a over the code units of a text: 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
