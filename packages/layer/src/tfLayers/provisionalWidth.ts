import { expectPositiveInteger } from '@scmoe/errors';

import type { Shape } from './ExpertLayer.js';

/**
 * The width with which a layer checks its configuration when it is made: that of the input where the arguments tell its
 * shape, else one that suits the heads, so that every other mistake is found before the layer is built.
 */
export function provisionalWidth(args: { numHeads: number; inputShape?: Shape; batchInputShape?: Shape }): number {
  const width = (args.batchInputShape ?? args.inputShape)?.at(-1);
  if (width) return width;
  expectPositiveInteger('numHeads', args.numHeads);
  return 2 * args.numHeads;
}
