import { ArgumentError } from './ArgumentError.js';
import { bytesText } from './bytesText.js';
import { memoryLimit } from './memoryLimit.js';

/**
 * Checks, before anything of it is allocated, that something can be in this machine's memory at all.
 *
 * @param what it is: 'the parameters'
 * @param bytes that it takes at least
 * @param sizes what they follow from, as a configuration names it; that of a part has a name like `moe.numExperts`
 * @throws ArgumentError that names the sizes, the largest first, what it takes, and the memory of this machine
 */
export function expectMemory(what: string, bytes: number, sizes: object): void {
  const limit = memoryLimit();
  if (bytes <= limit) return;
  throw new ArgumentError(
    `${sizesText(sizes)}: expected ${what} to take at most ${bytesText(limit)}, the memory of this machine, ` +
      `got ${bytesText(bytes)}`,
  );
}

/** How many sizes a message names: the largest say what is wrong. */
const maxNamed = 8;

function sizesText(sizes: object): string {
  const sorted = wholeNumbersOf(sizes).sort(([, a], [, b]) => b - a);
  return sorted
    .slice(0, maxNamed)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

function wholeNumbersOf(sizes: object, within = ''): [name: string, value: number][] {
  return Object.entries(sizes).flatMap(([key, value]: [string, unknown]): [string, number][] => {
    if (Number.isInteger(value)) return [[within + key, value as number]];
    const isPart = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isPart ? wholeNumbersOf(value, `${within}${key}.`) : [];
  });
}
