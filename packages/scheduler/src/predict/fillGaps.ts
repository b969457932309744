import { expectNonNegative, expectPositiveInteger } from '@scmoe/errors';

import type { CallCost } from '../cluster/CallCost.js';
import type { NetworkGap } from './networkGaps.js';

/** How gradients are averaged in the gaps of a backward pass. */
export interface GapFilling {
  /** Bytes of a part. */
  readonly partBytes: number;
  /** The number of parts behind the wait for an exchange, by its name, of each stage. */
  readonly parts: readonly Readonly<Record<string, number>>[];
  /** What is left at the end of the backward pass, and waited for; and what that would be if nothing travelled before. */
  readonly exposedMs: number;
  readonly tailMs: number;
}

/** What is averaged. */
export interface FillGapsOptions {
  /** Gradients of each stage that all ranks hold, in bytes. */
  readonly bytes: readonly number[];
  readonly call: CallCost;
  /** Most parts that a stage's gradients are cut into. Default: 32. */
  readonly maxParts?: number;
}

/** Parts that are a gap's by a hair of it are not: predictions are no better. */
const margin = 0.9;

/**
 * Cuts the averaging of gradients so that least of it is waited for at the end (FSMoE, ASPLOS 2025). A backward pass goes from the last
 * stage to the first; the gradients of a stage are there when it is done, so that they go into the gaps of those behind it. Gaps
 * take what fits whole: no exchange waits for a part.
 *
 * @param gaps of each stage's backward pass, in its order
 */
export function fillGaps(
  gaps: readonly (readonly NetworkGap[])[],
  { bytes, call: { alphaMs, msPerByte }, maxParts = 32 }: FillGapsOptions,
): GapFilling {
  expectPositiveInteger('maxParts', maxParts);
  for (const one of bytes) expectNonNegative('bytes', one);
  const all = bytes.reduce((sum, one) => sum + one, 0);
  const largest = Math.max(1, ...bytes);
  const filled = Array.from({ length: maxParts }, (_, i): GapFilling => {
    const partBytes = Math.ceil(largest / (i + 1) / 4) * 4;
    const partMs = alphaMs + partBytes * msPerByte;
    const parts = gaps.map((): Record<string, number> => ({}));
    let waiting = 0;
    for (let stage = gaps.length - 1; stage >= 0; stage--) {
      for (const { operator, ms } of gaps[stage]!) {
        const fitting = partMs > 0 ? Math.floor((ms * margin) / partMs) : Infinity;
        const taken = Math.min(fitting, Math.floor(waiting / partBytes));
        if (taken > 0) parts[stage]![operator] = taken;
        waiting -= taken * partBytes;
      }
      waiting += bytes[stage] ?? 0;
    }
    const exposedMs = waiting > 0 ? alphaMs + waiting * msPerByte : 0;
    return { partBytes, parts, exposedMs, tailMs: all > 0 ? alphaMs + all * msPerByte : 0 };
  });
  return filled.reduce((best, one) => (one.exposedMs < best.exposedMs * (1 - 1e-9) ? one : best));
}
