import type { ResidualDropout } from '../../sublayers/residualDropout.js';
import type { AttentionCache } from '../../sublayers/blockAttention.js';
import type { Packed } from '../../sublayers/PackedSequences.js';
import type { MoeContext } from '../../moe/moeSublayer.js';
import type { FarSkipContext } from '../farSkip/Pending.js';
import type { OutputRowsContext } from '../../sublayers/outputRows.js';

/** Keys and values of the tokens so far, of both attentions of a pair. */
export type PairCache = {
  attention1: AttentionCache;
  attention2: AttentionCache;
};

/** What a pass through a pair depends on besides parameters and configuration. */
export interface PairContext extends MoeContext, FarSkipContext, OutputRowsContext {
  /** Tokens that x continues. */
  past?: PairCache | Packed<PairCache>;
  /** Switches dropout on; takes `dropoutStreams` streams. */
  dropout?: ResidualDropout;
}

/** Random streams that the dropout of one pair takes. */
export const dropoutStreams = 4;
