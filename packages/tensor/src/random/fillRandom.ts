import { fillPhilox } from './philox.js';

/** Which part of which random sequence is written. */
export interface RandomPart {
  seed: number;
  stream: number;
  /** Elements of the sequence before the first that is written. */
  offset: number;
}

/** How many words are made at a time: the scratch stays in the first-level cache. */
const chunk = 4096;

/** Fills an array with `randomUniform`'s numbers. */
export function fillUniform(values: Float32Array, part: RandomPart): void {
  forWords(values.length, part, (words, first) => {
    for (let i = Math.max(0, -first); i < words.length; i++) values[first + i] = (words[i]! >>> 8) * 2 ** -24;
  });
}

/** Fills an array with `randomNormal`'s numbers. */
export function fillNormal(
  values: Float32Array,
  { mean, standardDeviation, ...part }: RandomPart & { mean: number; standardDeviation: number },
): void {
  forWords(values.length, part, (words, first) => {
    for (let i = 0; i < words.length; i += 2) {
      const radius = standardDeviation * Math.sqrt(-2 * Math.log((words[i]! + 1) * 2 ** -32));
      const angle = 2 * Math.PI * 2 ** -32 * words[i + 1]!;
      const at = first + i;
      // The first may lie before the array, and an odd length ends within a pair: a typed array ignores both.
      values[at] = mean + radius * Math.cos(angle);
      values[at + 1] = mean + radius * Math.sin(angle);
    }
  });
}

/** Hands over the words of so many elements, chunk by chunk, with the element of the first: some lie before or after all. */
function forWords(
  length: number,
  { seed, stream, offset }: RandomPart,
  use: (words: Uint32Array, first: number) => void,
): void {
  const skipped = offset % 4; // of the first block, which is made whole: normal numbers come in pairs
  const words = new Uint32Array(chunk);
  for (let start = -skipped; start < length; start += chunk) {
    const needed = Math.min(chunk, Math.ceil((length - start) / 4) * 4); // many tensors are far smaller
    fillPhilox(words.subarray(0, needed), seed, stream, (offset + start) / 4);
    use(words.subarray(0, needed), start);
  }
}
