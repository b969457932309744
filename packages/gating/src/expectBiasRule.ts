import { expectThat } from '@scmoe/errors';

import type { CorrectionBiasConfig } from './config/correctionBiasOptions.js';
import type { ResolvedRouter } from './config/routerOptions.js';

/**
 * Makes sure that a rule can move the correction bias of a router. `quantile` takes a token's choice for the k largest of
 * score + bias among experts that are all alike, so it goes with one group of experts and without zero experts.
 *
 * @throws ArgumentError naming the option of the router that stands against it
 */
export function expectBiasRule(
  rule: CorrectionBiasConfig['biasUpdateRule'],
  { numExperts, topK, numGroups, numZeroExperts }: ResolvedRouter,
): void {
  if (rule !== 'quantile') return;
  const because = "with the bias rule 'quantile'";
  expectThat(numGroups === 1, 'numGroups', `1 ${because}`, numGroups);
  expectThat(numZeroExperts === 0, 'numZeroExperts', `0 ${because}`, numZeroExperts);
  expectThat(topK < numExperts, 'topK', `less than numExperts = ${numExperts} ${because}`, topK);
}
