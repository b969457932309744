import type { Routing } from '@scmoe/gating';

import type { ChunkedRouting } from './chunkRouting.js';

/** Where the tokens of a pass go, known before its first layer, and the same in each: Read-ME (arXiv 2410.19123). */
export interface RouteAhead {
  routing: Routing;
  /** The parts in which it travels in a layer, where those are several: as `chunkRouting` cuts it. */
  chunked?: ChunkedRouting;
}
