import { loadAddon } from '../../addon/loadAddon.js';

/** Words of 32 bits that a row of a hidden layer of `f` numbers takes: in bf16 pairs are kept, each in the place of a number. */
export function hiddenWords(f: number): number {
  return f % 2 === 0 && loadAddon().getBf16() ? f / 2 : f;
}
