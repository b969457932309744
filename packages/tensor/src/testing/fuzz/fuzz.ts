import { ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { backendName } from '../../backend/kernel.js';
import { callText, type Call } from './Call.js';
import { differenceOf } from './differenceOf.js';
import { Draw } from './Draw.js';
import { isLeftOut, referenceOf } from './exceptions.js';
import { generators } from './generators.js';
import { makeOdd } from './makeOdd.js';
import { runOn } from './runOn.js';

export interface FuzzOptions {
  seed: number;
  /** Number of the first call; calls are drawn by seed and number, so that each can be made again by itself. */
  from?: number;
  calls: number;
  /** Hears of each call before it is made: a process that ends on the way has named it. */
  onCall?: (number: number, text: string) => void;
  /** Hears of each call that differs. */
  onDifference?: (text: string) => void;
}

export interface FuzzReport {
  calls: number;
  odd: number;
  /** Calls that gave the same values here and there. */
  equal: number;
  /** Calls that ended in an error here and there. */
  bothThrow: number;
  /** Odd calls of our own functions that we refuse and that the composed ones make something of. */
  refused: number;
  /** Calls of kernels of ours alone that ended well, and in an error. */
  alone: [number, number];
  /** Call by number, and what differed. */
  differences: string[];
  /** How often each kernel of the backend ran. */
  reached: Record<string, number>;
}

/** The share of calls one of whose arguments makes no sense, or another one. */
const oddShare = 0.5;

/** Makes calls at random on backend `cpu` and on ours, and compares. Generators take turns. */
export function fuzz({ seed, from = 0, calls, onCall, onDifference }: FuzzOptions): FuzzReport {
  const report: FuzzReport = {
    ...{ calls, odd: 0, equal: 0, bothThrow: 0, refused: 0, alone: [0, 0] },
    ...{ differences: [], reached: {} },
  };
  const restore = countKernels(report.reached);
  try {
    for (let number = from; number < from + calls; number++) {
      const draw = new Draw(seed, number);
      const sane = generators[number % generators.length]!.draw(draw);
      // The first round makes sense throughout, so that every kernel is reached.
      const isOdd = draw.chance(oddShare) && number >= generators.length;
      if (isOdd) report.odd++;
      const call = isOdd ? makeOdd(sane, draw) : sane;
      if (isLeftOut(call)) continue;
      onCall?.(number, callText(call));
      const difference = oneCall(call, isOdd, report);
      if (difference === undefined) continue;
      report.differences.push(`${number}: ${callText(call)}: ${difference}`);
      onDifference?.(report.differences.at(-1)!);
    }
  } finally {
    restore();
  }
  return report;
}

function oneCall(call: Call, isOdd: boolean, report: FuzzReport): string | undefined {
  const actual = runOn(backendName, call);
  if (call.isAlone) {
    report.alone[actual.error ? 1 : 0]++;
    if (actual.left !== 0) return `leaves ${actual.left} behind`;
    return isOdd || !actual.error ? undefined : `throws '${actual.error.message}'`;
  }
  const expected = runOn('cpu', referenceOf(call));
  // TF.js itself leaves something behind where it refuses what a kernel gave it.
  if (actual.left > expected.left)
    return `leaves ${actual.left} behind, cpu ${expected.left}${actual.error ? `; we throw '${actual.error.message}'` : ''}`;
  if (call.isOurs && isOdd && actual.error instanceof ScmoeError && expected.values) {
    report.refused++;
    return undefined;
  }
  const difference = differenceOf(expected, actual, call.isOurs ?? false);
  if (difference === undefined) report[expected.error ? 'bothThrow' : 'equal']++;
  return difference;
}

/** Counts in `reached` how often each kernel of our backend runs, until the returned function is called. */
function countKernels(reached: Record<string, number>): () => void {
  const configs = tf.getKernelsForBackend(backendName);
  const originals = configs.map(({ kernelFunc }) => kernelFunc);
  for (const config of configs) {
    const { kernelName, kernelFunc } = config;
    reached[kernelName] = 0;
    config.kernelFunc = (given) => {
      reached[kernelName]!++;
      return kernelFunc(given);
    };
  }
  return () => configs.forEach((config, i) => (config.kernelFunc = originals[i]!));
}
