import type { Draw } from './Draw.js';

const odd = [
  null,
  -1,
  0,
  0.5,
  1e9,
  2 ** 53,
  '',
  'x',
  '../x',
  true,
  [],
  {},
  [[]],
  [-1],
  { class_name: 'x', config: {} },
];
const oddNames = ['__proto__', 'constructor', 'toString', 'x', ''];

/** A JSON text with one thing changed: a value of another kind or missing, a name, a number; or cut off. */
export function mutateJson(json: unknown, draw: Draw): string {
  const text = JSON.stringify(json);
  if (draw.chance(0.05)) return text.slice(0, draw.int(0, text.length - 1));
  return JSON.stringify(changed(json, draw, { left: draw.int(0, count(json) - 1) }));
}

/** Values in it, itself among them. */
function count(value: unknown): number {
  const inside = typeof value === 'object' && value !== null ? Object.values(value) : [];
  return inside.reduce((sum: number, own) => sum + count(own), 1);
}

/** A copy whose value number `left`, counted down on the way, is another one. */
function changed(value: unknown, draw: Draw, at: { left: number }): unknown {
  if (at.left-- === 0) return changedValue(value, draw);
  if (Array.isArray(value)) return value.map((own: unknown): unknown => (at.left < 0 ? own : changed(own, draw, at)));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as Record<string, unknown>).map(([name, own]) => [
    name,
    at.left < 0 ? own : changed(own, draw, at),
  ]);
  return Object.fromEntries(entries) as unknown;
}

function changedValue(value: unknown, draw: Draw): unknown {
  if (typeof value !== 'object' || value === null || draw.chance(0.3)) return other(value, draw);
  const entries: [string, unknown][] = Object.entries(value);
  if (entries.length === 0) return other(value, draw);
  const at = draw.int(0, entries.length - 1);
  const [name, own] = entries[at]!;
  const rest = draw.pick<[string, unknown][]>([
    entries.toSpliced(at, 1),
    entries.with(at, [draw.pick(oddNames), own]),
    entries.with(at, [name, other(own, draw)]),
    [...entries, [draw.pick(oddNames), draw.pick(odd)]],
  ]);
  // Made of entries, so that a `__proto__` among them is a name like others.
  return Array.isArray(value) ? rest.map(([, kept]) => kept) : Object.fromEntries(rest);
}

function other(value: unknown, draw: Draw): unknown {
  if (typeof value === 'number' && draw.chance(0.5))
    return draw.pick([value + 1, value - 1, -value, value / 2, String(value)]);
  if (typeof value === 'string' && draw.chance(0.5))
    return draw.pick([`${value}x`, value.slice(1), value.toUpperCase(), [value]]);
  return draw.pick(odd);
}
