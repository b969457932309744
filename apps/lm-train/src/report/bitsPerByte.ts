import type { TokenSequence } from '@scmoe/trainer';

/** Bits that the model needs for a byte of text: comparable between tokenizers. */
export function bitsPerByte(crossEntropy: number, { ids, numBytes }: TokenSequence): number {
  return (crossEntropy / Math.LN2) * (ids.length / numBytes);
}
