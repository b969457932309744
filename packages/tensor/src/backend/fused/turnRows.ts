import { plainFrequencies, type Rope } from '../../ops/rope.js';

/** Cosines and sines of positions and frequencies, R/2 of each for a position: kept, for every layer of every step asks. */
export interface Angles {
  positions: number;
  cos: Float32Array;
  sin: Float32Array;
}

const tables = new Map<string, Angles>();
/** Those of a rotation that was asked for before, by its size: each layer of each step asks, and a name takes longer to make. */
const known = new WeakMap<Rope, Map<number, Angles>>();

/** `to` (T, H * D) gets `from` with each head turned by the position of its row. */
export function turnRows(
  from: Float32Array,
  to: Float32Array,
  { numHeads, rope, positions }: { numHeads: number; rope: Rope; positions: Int32Array },
): void {
  if (positions.length === 0) return;
  const width = from.length / (positions.length * numHeads);
  const { size = width } = rope;
  const half = size / 2;
  let last = 0;
  for (const position of positions) last = Math.max(last, position);
  const { cos, sin } = anglesUpTo(1 + last, size, rope);
  // A pair is i and i + R/2, or 2i and 2i + 1.
  const [step, apart] = rope.style === 'half' ? [1, half] : [2, 1];
  for (let row = 0, head = 0; row < positions.length; row++) {
    const angle = positions[row]! * half;
    for (let h = 0; h < numHeads; h++, head += width) {
      for (let i = 0; i < half; i++) {
        const a = head + i * step;
        const x = from[a]!;
        const y = from[a + apart]!;
        const c = cos[angle + i]!;
        const s = sin[angle + i]!;
        to[a] = x * c - y * s;
        to[a + apart] = y * c + x * s;
      }
      for (let i = size; i < width; i++) to[head + i] = from[head + i]!;
    }
  }
}

/** Angles of at least so many positions, for heads of which `size` components turn. */
export function anglesUpTo(positions: number, size: number, rope: Rope): Angles {
  const before = known.get(rope);
  const last = before?.get(size);
  if (last && last.positions >= positions) return last;
  const angles = namedAngles(positions, size, rope);
  if (before) before.set(size, angles);
  else known.set(rope, new Map([[size, angles]]));
  return angles;
}

function namedAngles(positions: number, size: number, { theta, frequencies, factor = 1 }: Rope): Angles {
  const key = `${size} ${theta} ${factor} ${frequencies?.join() ?? ''}`;
  const found = tables.get(key);
  if (found && found.positions >= positions) return found;
  // Doubled, so that a growing sequence seldom asks for more.
  const total = Math.max(positions, 256, 2 * (found?.positions ?? 0));
  const half = size / 2;
  const cos = new Float32Array(total * half);
  const sin = new Float32Array(total * half);
  (frequencies ?? plainFrequencies(size, theta)).forEach((frequency, i) => {
    for (let position = 0; position < total; position++) {
      cos[position * half + i] = factor * Math.cos(position * frequency);
      sin[position * half + i] = factor * Math.sin(position * frequency);
    }
  });
  const made = { positions: total, cos, sin };
  tables.set(key, made);
  return made;
}
