import type { ResidualDropout } from '../../sublayers/residualDropout.js';
import type { AttentionCache } from '../../sublayers/blockAttention.js';
import type { Packed } from '../../sublayers/PackedSequences.js';
import type { MoeContext } from '../../moe/moeSublayer.js';
import type { FarSkipContext } from '../farSkip/Pending.js';
import type { OutputRowsContext } from '../../sublayers/outputRows.js';

/** Keys and values of the tokens so far. */
export type BlockCache = {
  attention: AttentionCache;
};

/** What a pass through a block depends on besides parameters and configuration. */
export interface BlockContext extends MoeContext, FarSkipContext, OutputRowsContext {
  /** Tokens that x continues. */
  past?: BlockCache | Packed<BlockCache>;
  /** Switches dropout on; takes `blockDropoutStreams` streams. */
  dropout?: ResidualDropout;
}

/** Random streams that the dropout of one block takes. */
export const blockDropoutStreams = 2;
