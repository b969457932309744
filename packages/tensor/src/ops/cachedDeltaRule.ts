import { ArgumentError, expectPositiveInteger, expectThat } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { withoutRecording } from '../autodiff/recording.js';
import type { RecurrentCache } from '../cache/RecurrentCache.js';
import { expectDtype, expectRank, expectShape } from './check.js';
import { deltaHeads, expectChannels, type DeltaRows, type DeltaSizes } from './deltaHeads.js';
import { hasFused, runFusedOne } from './runFused.js';

export const cachedDeltaRuleKernel = 'ScmoeCachedDeltaRule';

/** Tokens that continue one sequence. */
export interface RecurrentPart {
  /** What there is of the sequence so far; the tokens come behind it. */
  cache: RecurrentCache;
  /** How many tokens continue it, at least one. */
  count: number;
}

/** What the kernel receives. */
export interface CachedDeltaRuleAttributes {
  parts: readonly RecurrentPart[];
  sizes: DeltaSizes;
}

/**
 * The inside of a gated delta network, as `deltaHeads`, for new tokens of several sequences, which lie one behind the other in one row (1, T, ...), those of the first part
 * first. Each sequence by itself: what it gets, bit for bit, does not depend on the others. The caches have the new tokens then;
 * no gradient is recorded.
 *
 * @returns outputs (1, T, Hv, V)
 * @throws ArgumentError naming the argument when shapes, dtypes or parts do not fit
 */
export function cachedDeltaRule(
  rows: DeltaRows,
  convolution: tf.Tensor2D,
  sizes: DeltaSizes,
  parts: readonly RecurrentPart[],
): tf.Tensor4D {
  expectFits(rows, convolution, sizes, parts);
  return withoutRecording(() =>
    tf.tidy(() => {
      if (!hasFused(cachedDeltaRuleKernel)) return composed(rows, convolution, sizes, parts);
      const attributes: CachedDeltaRuleAttributes = { parts, sizes };
      return runFusedOne(cachedDeltaRuleKernel, { ...rows, convolution }, attributes) as tf.Tensor4D;
    }),
  );
}

/** Part by part. */
function composed(
  rows: DeltaRows,
  convolution: tf.Tensor2D,
  sizes: DeltaSizes,
  parts: readonly RecurrentPart[],
): tf.Tensor4D {
  let first = 0;
  const heads = parts.map(({ cache, count }) => {
    const own = (x: tf.Tensor3D): tf.Tensor3D => tf.slice(x, [0, first, 0], [1, count, x.shape[2]]);
    const [state, taps] = [cache.get<tf.Tensor4D>('state'), cache.get<tf.Tensor3D>('taps')];
    const { mixed, beta, logDecay } = rows;
    const given = { mixed: own(mixed), beta: own(beta), logDecay: own(logDecay) };
    const result = deltaHeads(given, convolution, sizes, state && taps && { state, taps });
    cache.advance(count, result.all);
    first += count;
    return result.heads;
  });
  return heads.length > 1 ? tf.concat(heads, 1) : heads[0]!;
}

function expectFits(
  rows: DeltaRows,
  convolution: tf.Tensor2D,
  sizes: DeltaSizes,
  parts: readonly RecurrentPart[],
): void {
  const name = 'cachedDeltaRule';
  const { numKeyHeads, numValueHeads, keyHeadDim, valueHeadDim } = sizes;
  for (const [argument, x] of Object.entries({ ...rows, convolution })) expectDtype(name, argument, x, 'float32');
  for (const [argument, size] of Object.entries({ numKeyHeads, numValueHeads, keyHeadDim, valueHeadDim }))
    expectPositiveInteger(`${name}: ${argument}`, size);
  const divides = numValueHeads % numKeyHeads === 0;
  expectThat(divides, `${name}: numValueHeads`, `a multiple of numKeyHeads ${numKeyHeads}`, numValueHeads);
  expectThat(parts.length > 0, `${name}: parts`, 'at least one', parts.length);
  for (const [index, { count }] of parts.entries()) expectPositiveInteger(`${name}: parts[${index}].count`, count);
  if (new Set(parts.map(({ cache }) => cache)).size < parts.length)
    throw new ArgumentError(`${name}: parts: expected a cache of its own for each, got one twice`);
  const tokens = parts.reduce((sum, { count }) => sum + count, 0);
  const channels = expectChannels(name, rows.mixed, sizes);
  expectShape(name, 'mixed', rows.mixed, [1, tokens, channels], 'for the tokens of all parts');
  for (const [argument, x] of Object.entries({ beta: rows.beta, logDecay: rows.logDecay }))
    expectShape(name, argument, x, [1, tokens, numValueHeads], 'for the tokens of all parts');
  expectRank(name, 'convolution', convolution, 2, '(taps, channels)');
  const taps = convolution.shape[0];
  expectThat(taps >= 1, `${name}: convolution`, 'at least one tap', taps);
  expectShape(name, 'convolution', convolution, [taps, channels], 'for the channels of mixed');
  for (const { cache } of parts) {
    const [state, before] = [cache.get('state'), cache.get('taps')];
    const what = 'as the network of the tokens before';
    if (state) expectShape(name, 'cache', state, [1, numValueHeads, keyHeadDim, valueHeadDim], what);
    if (before) expectShape(name, 'cache', before, [1, taps - 1, channels], what);
  }
}
