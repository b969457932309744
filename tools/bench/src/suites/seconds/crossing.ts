import type { CurvePoint } from './SecondsRun.js';

/** The loss of a curve at a time, between its points by a straight line. */
export function lossAt(curve: readonly CurvePoint[], seconds: number): number {
  const after = curve.findIndex((point) => point.seconds >= seconds);
  if (after === -1) return curve.at(-1)!.loss;
  if (after === 0) return curve[0]!.loss;
  const [a, b] = [curve[after - 1]!, curve[after]!];
  const share = b.seconds === a.seconds ? 1 : (seconds - a.seconds) / (b.seconds - a.seconds);
  return a.loss + share * (b.loss - a.loss);
}

/** The mean of several curves at some times. */
export function meanCurve(curves: readonly (readonly CurvePoint[])[], times: readonly number[]): number[] {
  return times.map((seconds) => curves.reduce((sum, curve) => sum + lossAt(curve, seconds), 0) / curves.length);
}

/**
 * The first of the times from which on a curve stays below another one; undefined where it is not below at the end. A curve that
 * is below all along crosses at none: 0.
 */
export function crossing(
  curve: readonly number[],
  other: readonly number[],
  times: readonly number[],
): number | undefined {
  let from: number | undefined;
  for (let i = times.length - 1; i >= 0 && curve[i]! < other[i]!; i--) from = times[i];
  return from === times[0] ? 0 : from;
}

/** The time at which a curve falls to a loss, between its points by a straight line; undefined where it does not. */
export function timeTo(loss: number, curve: readonly number[], times: readonly number[]): number | undefined {
  const after = curve.findIndex((value) => value <= loss);
  if (after <= 0) return after === 0 ? times[0] : undefined;
  const share = (curve[after - 1]! - loss) / (curve[after - 1]! - curve[after]!);
  return times[after - 1]! + share * (times[after]! - times[after - 1]!);
}
