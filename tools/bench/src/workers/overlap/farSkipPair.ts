import { joinPending, resolveBlock, resolvePair, runBlock, runPair, type BlockConfig } from '@scmoe/layer';
import type * as tf from '@tensorflow/tfjs';

import type { Runnable, RunOptions } from './Runnable.js';

/** Runs a FarSkip pair, with the pair's parameters. */
export interface FarSkipPair {
  /**
   * The pair as it runs behind another one and before a third: from the block with experts to the next dense block, which hides
   * what is pending. The same operators as the pair itself, each once.
   */
  inARow: Runnable['run'];
  /** The pair by itself, of which every operator has its name in the graph: nothing hides what is pending at its end. */
  byItself: Runnable['run'];
}

export function farSkipPair(config: BlockConfig): FarSkipPair {
  const pair = resolvePair(config);
  const { dModel, numHeads, ffnHidden, connectivity } = config;
  const withExperts = resolveBlock(config);
  const dense = resolveBlock({ dModel, numHeads, ffnHidden, connectivity, kind: 'dense' });
  return {
    inARow: (x, values, options) => {
      const first = runBlock(x, ofBlock(values, '2'), withExperts, options);
      return runBlock(first.y, ofBlock(values, '1'), dense, { ...withoutParts(options), pending: first.pending }).y;
    },
    byItself: (x, values, options) => {
      const { y, pending } = runPair(x, values, pair, options);
      return joinPending(y, pending);
    },
  };
}

/** Parameters of a pair under the names that its first or second block has for them. */
function ofBlock(values: Record<string, tf.Tensor>, number: '1' | '2'): Record<string, tf.Tensor> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name.replace(/^(normAttn|attn)([12])/, (all, part: string, own: string) => (own === number ? part : all)),
      value,
    ]),
  );
}

/** Options of a dense block, of which nothing travels: it has no slot and no parts. */
function withoutParts({ dispatcher }: RunOptions): Pick<RunOptions, 'dispatcher'> {
  return { dispatcher };
}
