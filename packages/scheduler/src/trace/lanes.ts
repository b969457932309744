import { ArgumentError, expectWholeNumber } from '@scmoe/errors';

import type { Span } from '../predict/simulatePlan.js';

/** A span in whole nanoseconds, and which of several lanes of its track it is drawn on. */
export interface LaneSpan<Each extends Span> {
  readonly span: Each;
  readonly startNs: number;
  readonly endNs: number;
  /** Number of the lane, from 0. */
  readonly lane: number;
}

/**
 * The spans of one track on as few lanes as hold them without overlap, by the time they begin. Begin and end are rounded to
 * nanoseconds each, counted from `originMs`, so that spans that touch still touch.
 *
 * @throws ArgumentError for a span that begins or ends at no moment, or ends before it begins
 */
export function lanesOf<Each extends Span>(spans: readonly Each[], originMs: number): readonly LaneSpan<Each>[] {
  const timed = spans.map((span) => ({ span, ...nanoseconds(span, originMs) }));
  timed.sort((a, b) => a.startNs - b.startNs || a.endNs - b.endNs);
  const busy = new Heap<{ endNs: number; lane: number }>((a, b) => a.endNs - b.endNs);
  const free = new Heap<number>((a, b) => a - b);
  let lanes = 0;
  return timed.map((each) => {
    while ((busy.first?.endNs ?? Infinity) <= each.startNs) free.push(busy.pop()!.lane);
    const lane = free.pop() ?? lanes++;
    busy.push({ endNs: each.endNs, lane });
    return { ...each, lane };
  });
}

function nanoseconds({ rank, operator, startMs, endMs }: Span, originMs: number): { startNs: number; endNs: number } {
  expectWholeNumber(`rank of '${operator}'`, rank);
  const [startNs, endNs] = [Math.round((startMs - originMs) * 1e6), Math.round((endMs - originMs) * 1e6)];
  if (Number.isFinite(endNs - startNs) && endMs >= startMs) return { startNs, endNs };
  throw new ArgumentError(`span of '${operator}': expected a begin and a later end in ms, got ${startMs} and ${endMs}`);
}

/** A binary heap: the first by `compare` comes out first. */
class Heap<Item> {
  private readonly items: Item[] = [];

  constructor(private readonly compare: (a: Item, b: Item) => number) {}

  get first(): Item | undefined {
    return this.items[0];
  }

  push(item: Item): void {
    const { items } = this;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.compare(items[at]!, items[parent]!) >= 0) return;
      [items[at], items[parent]] = [items[parent]!, items[at]!];
      at = parent;
    }
  }

  pop(): Item | undefined {
    const { items } = this;
    const first = items[0];
    const last = items.pop();
    if (items.length === 0) return first;
    items[0] = last!;
    for (let at = 0; ;) {
      const children = [2 * at + 1, 2 * at + 2].filter((child) => child < items.length);
      const least = children.reduce(
        (best, child) => (this.compare(items[child]!, items[best]!) < 0 ? child : best),
        at,
      );
      if (least === at) return first;
      [items[at], items[least]] = [items[least]!, items[at]!];
      at = least;
    }
  }
}
