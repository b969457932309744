import { ArgumentError, expectInteger, expectNonNegative } from '@scmoe/errors';

import type { LinkClass } from './Cluster.js';

/** How long an all-to-all of some size took. */
export interface AllToAllMeasurement {
  /** What each rank sent, to all ranks together and in equal parts, itself among them. */
  readonly bytesPerRank: number;
  readonly timeMs: number;
}

/**
 * Latency and bandwidth of links from all-to-alls of several sizes between `ranks` ranks of one class: the straight line
 * through the measurements, by least squares of the relative error, so that small sizes count as much as large ones. A
 * line that begins below zero has no latency.
 *
 * @throws ArgumentError for fewer than two ranks or two sizes, or times that don't grow with the size
 */
export function fitLink(ranks: number, measurements: readonly AllToAllMeasurement[]): LinkClass {
  expectInteger('ranks', ranks, { minimum: 2 });
  for (const { bytesPerRank, timeMs } of measurements) {
    expectNonNegative('bytesPerRank', bytesPerRank);
    if (!(timeMs > 0)) throw new ArgumentError(`timeMs: expected a time above zero, got ${timeMs}`);
    expectNonNegative('timeMs', timeMs);
  }
  if (new Set(measurements.map(({ bytesPerRank }) => bytesPerRank)).size < 2) {
    throw new ArgumentError('fitLink: expected measurements of at least two sizes');
  }
  const points = measurements.map(({ bytesPerRank, timeMs }) => ({
    x: bytesPerRank,
    y: timeMs,
    weight: 1 / (timeMs * timeMs),
  }));
  const sum = (value: (point: (typeof points)[number]) => number) =>
    points.reduce((total, point) => total + point.weight * value(point), 0);
  const weight = sum(() => 1);
  const [meanX, meanY] = [sum(({ x }) => x) / weight, sum(({ y }) => y) / weight];
  const slope = sum(({ x, y }) => (x - meanX) * (y - meanY)) / sum(({ x }) => (x - meanX) ** 2);
  if (!(slope > 0)) throw new ArgumentError('fitLink: the times do not grow with the size');
  const interceptMs = Math.max(0, meanY - slope * meanX);
  // ranks - 1 messages, each of a ranks-th of the bytes.
  return { alphaUs: (interceptMs / (ranks - 1)) * 1e3, betaGBs: (ranks - 1) / ranks / slope / 1e6 };
}
