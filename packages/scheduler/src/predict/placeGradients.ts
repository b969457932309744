import { expectNonNegative, expectPositiveInteger } from '@scmoe/errors';

import type { CallCost } from '../cluster/CallCost.js';
import type { Interval } from './slowedEnd.js';

/** The averaging of gradients, cut so that it travels where exchanges leave the network idle (FSMoE, ASPLOS 2025). */
export interface GradientPlacement {
  /** Parts of a stage's gradients, and the bytes of each. */
  readonly parts: number;
  readonly partBytes: number;
  /** What is left at the end of the backward pass, and is waited for. */
  readonly exposedMs: number;
  /** What would be waited for if all gradients travelled in one piece at the end. */
  readonly tailMs: number;
}

/** What is averaged, and where it may travel. */
export interface PlaceGradientsOptions {
  /** Stages of the model, all alike. */
  readonly stages: number;
  /** Gradients of a stage. */
  readonly bytes: number;
  readonly call: CallCost;
  /** Default: 64. */
  readonly maxParts?: number;
}

/**
 * Cuts the averaging of a stage's gradients into the number of parts of which least is waited for at the end. They are there when the
 * stage's backward pass is done, and go in the idle times of those behind it. A part goes where it fits as a whole: no
 * exchange waits for one. What is left at the end goes in one piece. Of equal numbers the smallest.
 *
 * @param idle when the network has nothing to do in the backward pass of a stage
 */
export function placeGradients(
  idle: readonly Interval[],
  { stages, bytes, call, maxParts = 64 }: PlaceGradientsOptions,
): GradientPlacement {
  expectPositiveInteger('stages', stages);
  expectPositiveInteger('maxParts', maxParts);
  expectNonNegative('bytes', bytes);
  const { alphaMs, msPerByte } = call;
  const exposedOf = (parts: number): number => {
    const partMs = alphaMs + (bytes / parts) * msPerByte;
    let waiting = parts;
    for (let stage = 1; stage < stages; stage++) {
      for (const { startMs, endMs } of idle) {
        const fitting = partMs > 0 ? Math.floor(((endMs - startMs) / partMs) * (1 + 1e-9)) : waiting;
        waiting -= Math.min(waiting, fitting);
      }
      waiting += parts;
    }
    // What is left goes in one piece.
    return alphaMs + ((waiting * bytes) / parts) * msPerByte;
  };
  const exposed = Array.from({ length: maxParts }, (_, i) => exposedOf(i + 1));
  const least = exposed.reduce((best, ms, i) => (ms < exposed[best]! * (1 - 1e-9) ? i : best), 0);
  return {
    parts: least + 1,
    partBytes: bytes / (least + 1),
    exposedMs: exposed[least]!,
    tailMs: alphaMs + stages * bytes * msPerByte,
  };
}

/** Where, up to `endMs`, none of these is under way. */
export function idleTimes(busy: readonly Interval[], endMs: number): Interval[] {
  const idle: Interval[] = [];
  let free = 0;
  for (const { startMs, endMs: end } of busy.toSorted((a, b) => a.startMs - b.startMs)) {
    if (startMs > free) idle.push({ startMs: free, endMs: startMs });
    free = Math.max(free, end);
  }
  if (endMs > free) idle.push({ startMs: free, endMs });
  return idle;
}
