import type { RotateRowsAttributes } from '../../ops/cachedAttention.js';

/** Cosines and sines of position * theta^(-2i/D), D/2 of each for a position: kept, for every layer of every step asks. */
interface Angles {
  positions: number;
  cos: Float32Array;
  sin: Float32Array;
}

const tables = new Map<string, Angles>();

/** `to` (T, H * D) gets `from` with each head turned by the position of its row. */
export function turnRows(
  from: Float32Array,
  to: Float32Array,
  { numHeads, style, theta, positions }: RotateRowsAttributes,
): void {
  if (positions.length === 0) return;
  const size = from.length / (positions.length * numHeads);
  const half = size / 2;
  const { cos, sin } = anglesUpTo(1 + positions.reduce((most, position) => Math.max(most, position)), half, theta);
  // A pair is i and i + D/2, or 2i and 2i + 1.
  const [step, apart] = style === 'half' ? [1, half] : [2, 1];
  for (let row = 0, head = 0; row < positions.length; row++) {
    const angle = positions[row]! * half;
    for (let h = 0; h < numHeads; h++, head += size) {
      for (let i = 0; i < half; i++) {
        const a = head + i * step;
        const [x, y, c, s] = [from[a]!, from[a + apart]!, cos[angle + i]!, sin[angle + i]!];
        to[a] = x * c - y * s;
        to[a + apart] = y * c + x * s;
      }
    }
  }
}

function anglesUpTo(positions: number, half: number, theta: number): Angles {
  const key = `${half} ${theta}`;
  const found = tables.get(key);
  if (found && found.positions >= positions) return found;
  // Doubled, so that a growing sequence seldom asks for more.
  const total = Math.max(positions, 256, 2 * (found?.positions ?? 0));
  const cos = new Float32Array(total * half);
  const sin = new Float32Array(total * half);
  for (let i = 0; i < half; i++) {
    const frequency = theta ** (-i / half);
    for (let position = 0; position < total; position++) {
      cos[position * half + i] = Math.cos(position * frequency);
      sin[position * half + i] = Math.sin(position * frequency);
    }
  }
  const made = { positions: total, cos, sin };
  tables.set(key, made);
  return made;
}
