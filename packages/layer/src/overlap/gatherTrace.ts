import type { Communicator } from '@scmoe/comm';
import { alignTraces, type Span, type Trace } from '@scmoe/scheduler';

import { clockOffsets } from './clockOffsets.js';
import { gatherText } from './gatherText.js';
import { systemClock } from './systemClock.js';

/**
 * One trace of what all ranks did, on the clock of rank 0 and beginning at 0. A collective: all ranks call it, each with
 * its own spans (milliseconds since 1970).
 */
export async function gatherTrace(
  communicator: Communicator | undefined,
  title: string,
  spans: readonly Span[],
): Promise<Trace> {
  const texts = communicator ? await gatherText(communicator, JSON.stringify(spans)) : [JSON.stringify(spans)];
  const offsets = communicator ? await clockOffsets(communicator, systemClock) : [0];
  const traces = texts.map((text) => ({ title, spans: JSON.parse(text) as Span[] }));
  const aligned = alignTraces(traces, offsets);
  const first = aligned.spans.reduce((least, { startMs }) => Math.min(least, startMs), Infinity);
  return {
    title,
    spans: aligned.spans.map((span) => ({ ...span, startMs: span.startMs - first, endMs: span.endMs - first })),
  };
}
