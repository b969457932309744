import type { ParameterRecord } from '@scmoe/layer';
import * as tf from '@tensorflow/tfjs';

import type { SequencePart } from '../generation/SequencePredictor.js';
import { packedPast } from '../stages/packedPast.js';
import type { RunStageOptions } from '../stages/runStage.js';
import type { ResolvedRouterAhead } from './RouterAheadConfig.js';
import { readAhead } from './runRouterAhead.js';

/**
 * What the router before the first block has made of the tokens of several sequences: (T, w), of those that were routed before
 * what it made of them then. Tokens of the others are appended to what its attention knows.
 *
 * @param x (1, T, dModel), the tokens of all parts, one behind the other
 */
export function routedRows(
  x: tf.Tensor3D,
  parts: readonly Pick<SequencePart, 'ids' | 'cache' | 'route'>[],
  routerAhead: ResolvedRouterAhead,
  parameters: ParameterRecord,
): tf.Tensor2D {
  const { width } = routerAhead;
  const fresh = parts.filter(({ route }) => !route);
  const read = (tokens: tf.Tensor3D) => {
    // The router's caches stand behind those of the stages.
    const past = packedPast(fresh).at(-1) as RunStageOptions['past'];
    return readAhead(tokens, routerAhead, parameters, { past }).rows;
  };
  if (fresh.length === parts.length) return read(x);
  const starts = startsOf(parts);
  const freshTokens = parts.flatMap(({ ids, route }, i) => (route ? [] : ids.map((_, token) => starts[i]! + token)));
  const rows = fresh.length > 0 ? read(tf.gather(x, tf.tensor1d(freshTokens, 'int32'), 1)) : undefined;
  let next = 0;
  const pieces = parts.map(({ ids: { length }, route }) => {
    if (route) return tf.tensor2d(route.state, [length, width]);
    next += length;
    return tf.slice(rows!, [next - length, 0], [length, width]);
  });
  return tf.concat(pieces, 0);
}

function startsOf(parts: readonly Pick<SequencePart, 'ids'>[]): number[] {
  let end = 0;
  return parts.map(({ ids }) => (end += ids.length) - ids.length);
}
