import type { Outcome, Value } from './runOn.js';

/**
 * Sums come in another order and exp is another polynomial: 1e-5 of the value, or of the largest of its tensor, for sums
 * that cancel. Gradients of our own functions are sums of such sums.
 */
const tolerance = 1e-5;
const ownTolerance = 5e-5;

/** What differs between what tfjs-backend-cpu and we make of a call; undefined where nothing does. */
export function differenceOf(expected: Outcome, actual: Outcome, isOurs: boolean): string | undefined {
  if (expected.error)
    return actual.error ? undefined : `cpu throws '${expected.error.message}', we give ${shown(actual)}`;
  if (actual.error) return `cpu gives ${shown(expected)}, we throw '${actual.error.message}'`;
  const [theirs, ours] = [expected.values!, actual.values!];
  if (theirs.length !== ours.length) return `cpu gives ${theirs.length} tensors, we ${ours.length}`;
  for (let i = 0; i < theirs.length; i++) {
    const difference = valueDifference(theirs[i]!, ours[i]!, isOurs ? ownTolerance : tolerance);
    if (difference) return `output ${i}: ${difference}`;
  }
  return undefined;
}

function valueDifference(theirs: Value, ours: Value, allowed: number): string | undefined {
  const [expected, actual] = [theirs, ours].map(({ dtype, shape }) => `${dtype} (${[shape].flat().join(', ')})`);
  if (expected !== actual) return `cpu gives ${expected}, we ${actual}`;
  if (theirs.values.length !== ours.values.length)
    return `cpu gives ${theirs.values.length} elements for ${expected}, we ${ours.values.length}`;
  const sizes = theirs.values.map((value) => Math.abs(Number(value)));
  const scale = sizes.reduce((most, size) => (Number.isFinite(size) ? Math.max(most, size) : most), 1);
  for (let i = 0; i < theirs.values.length; i++) {
    const [e, a] = [theirs.values[i]!, ours.values[i]!];
    // What kernels for numbers make of a text is its bytes, or no number.
    if (Object.is(e, a) || e === a || (typeof e === 'object' && (Number.isNaN(a) || String(e) === String(a)))) continue;
    if (Math.abs(Number(e) - Number(a)) <= allowed * scale) continue;
    return `element ${i}: cpu gives ${String(e)}, we ${String(a)}`;
  }
  return undefined;
}

function shown({ values = [] }: Outcome): string {
  return values
    .map(({ dtype, shape, values: all }) => `${dtype} (${[shape].flat().join(', ')}) [${all.slice(0, 6).join(' ')}]`)
    .join(' and ');
}
