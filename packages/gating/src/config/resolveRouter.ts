import { expectThat } from '@scmoe/errors';

import { resolveOptions } from '../options/resolveOptions.js';
import { routerOptions, type ResolvedRouter, type RouterConfig } from './routerOptions.js';

/**
 * A router with every option decided and checked.
 *
 * @param defaults what the layer takes where the config says nothing; topK 1 by default
 * @throws ArgumentError naming the option, what is allowed and what came
 */
export function resolveRouter(config: RouterConfig, defaults: { topK?: number } = {}): ResolvedRouter {
  const { routing = 'tokenChoice', topK = defaults.topK ?? 1, numGroups = 1 } = config;
  // The default of one group is none of several: the message says of how many.
  const isOpen = Number.isInteger(numGroups) && numGroups > 1 && config.topKGroups === undefined;
  expectThat(!isOpen, 'topKGroups', `an integer from 1 to numGroups = ${numGroups}`, undefined);
  const router = resolveOptions(config, routerOptions, {
    defaults: {
      topK,
      normalizeWeights: topK > 1 && routing === 'tokenChoice' && config.sparseMixer === undefined,
      topKGroups: numGroups === 1 ? 1 : undefined,
    },
  });
  const hasPlace = !router.logitBias || router.logits === 'linear';
  expectThat(hasPlace, 'logitBias', `false with logits '${router.logits}'`, router.logitBias);
  checkTopK(router);
  checkGroups(router);
  if (router.routing === 'expertChoice') checkExpertChoice(router);
  if (router.sparseMixer !== undefined) checkSparseMixer(router);
  return router;
}

function checkTopK({ numExperts, numZeroExperts, topK, forcedBalance }: ResolvedRouter): void {
  const all = numZeroExperts > 0 ? 'numExperts + numZeroExperts' : 'numExperts';
  expectThat(topK <= numExperts + numZeroExperts, 'topK', `at most ${all} = ${numExperts + numZeroExperts}`, topK);
  const fits = !forcedBalance || topK <= numExperts;
  expectThat(fits, 'topK', `at most numExperts = ${numExperts} with forcedBalance`, topK);
}

function checkGroups({ numExperts, numZeroExperts, topK, numGroups, topKGroups, groupScore }: ResolvedRouter): void {
  expectThat(numExperts % numGroups === 0, 'numGroups', `a divisor of numExperts = ${numExperts}`, numGroups);
  expectThat(topKGroups <= numGroups, 'topKGroups', `an integer from 1 to numGroups = ${numGroups}`, topKGroups);
  if (numGroups === 1) return;
  const size = numExperts / numGroups;
  expectThat(numZeroExperts === 0, 'numZeroExperts', `0 with numGroups = ${numGroups}`, numZeroExperts);
  expectThat(topK <= topKGroups * size, 'topK', `at most the ${topKGroups * size} experts of topKGroups groups`, topK);
  expectThat(
    groupScore === 'max' || size >= 2,
    'groupScore',
    `max for groups of one expert (numGroups = numExperts = ${numExperts})`,
    groupScore,
  );
}

/** Expert choice balances by itself and has no order of choices per token. */
function checkExpertChoice(router: ResolvedRouter): void {
  const { capacityFactor } = router;
  const because = (what: string) => `${what} with routing 'expertChoice'`;
  expectThat(capacityFactor > 0, 'capacityFactor', because('a number > 0'), capacityFactor);
  for (const name of ['normalizeWeights', 'correctionBias', 'forcedBalance'] as const)
    expectThat(!router[name], name, because('false'), router[name]);
  expectThat(router.numGroups === 1, 'numGroups', because('1'), router.numGroups);
  expectThat(router.numZeroExperts === 0, 'numZeroExperts', because('0'), router.numZeroExperts);
}

/** SparseMixer chooses by logits alone, with weights of its own, and draws from the stream that noise would have. */
function checkSparseMixer(router: ResolvedRouter): void {
  const required = {
    routing: 'tokenChoice',
    scoreFunction: 'softmax',
    normalizeWeights: false,
    noisy: false,
    correctionBias: false,
    forcedBalance: false,
    numGroups: 1,
    dropPolicy: 'position',
  } as const;
  for (const [name, only] of Object.entries(required)) {
    const value = router[name as keyof typeof required];
    expectThat(value === only, name, `${only} with sparseMixer`, value);
  }
}
