import { ArgumentError, expectNonNegative } from '@scmoe/errors';

import type { Trace } from './Trace.js';

/** A message to another rank and back. `sentMs` and `receivedMs` by this rank's clock, the others by the other's. */
export interface PingPong {
  readonly sentMs: number;
  readonly remoteReceivedMs: number;
  readonly remoteSentMs: number;
  readonly receivedMs: number;
}

/** How far two clocks are apart, and how well that is known. */
export interface ClockOffset {
  /** The other rank's clock less this one's. */
  readonly offsetMs: number;
  /** The offset is right to within this: half of what the quickest message and its answer were on the way. */
  readonly errorMs: number;
}

/**
 * The offset between two clocks as NTP finds it: the middle of the time on the way is the same moment on both. Taken from
 * the message that was quickest, since what held up the others held them up on one way only.
 *
 * @throws ArgumentError for no messages, or one that came back before it was sent
 */
export function estimateClockOffset(pings: readonly PingPong[]): ClockOffset {
  if (pings.length === 0) throw new ArgumentError('clock offset: expected at least one ping, got none');
  const estimates = pings.map((ping): ClockOffset => {
    const { sentMs, remoteReceivedMs, remoteSentMs, receivedMs } = ping;
    const onTheWayMs = receivedMs - sentMs - (remoteSentMs - remoteReceivedMs);
    if (!(onTheWayMs >= 0)) {
      throw new ArgumentError(`clock offset: a ping that was ${onTheWayMs} ms on the way: ${JSON.stringify(ping)}`);
    }
    return { offsetMs: (remoteReceivedMs - sentMs + remoteSentMs - receivedMs) / 2, errorMs: onTheWayMs / 2 };
  });
  return estimates.reduce((best, next) => (next.errorMs < best.errorMs ? next : best));
}

/**
 * One trace of those of several ranks, on the clock of the rank whose offset is 0.
 *
 * @param offsetsMs by rank: that rank's clock less the common one
 * @throws ArgumentError where a rank of the traces has no offset
 */
export function alignTraces(traces: readonly Trace[], offsetsMs: readonly number[]): Trace {
  return {
    title: traces[0]?.title ?? '',
    spans: traces.flatMap(({ spans }) =>
      spans.map((span) => {
        const offsetMs = offsetsMs[span.rank];
        if (offsetMs === undefined) throw new ArgumentError(`clock offset: there is none for rank ${span.rank}`);
        expectNonNegative(`magnitude of the clock offset of rank ${span.rank}`, Math.abs(offsetMs));
        return { ...span, startMs: span.startMs - offsetMs, endMs: span.endMs - offsetMs };
      }),
    ),
  };
}
