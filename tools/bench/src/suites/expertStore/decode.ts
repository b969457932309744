import type { Gpt } from '@scmoe/models';

/**
 * Reads a text token by token, as generation does, and takes the time of each token. Nothing else happens in between: the same
 * tokens, so the same routes, for every way to come by the experts.
 *
 * @param options.waited ms for which the store has let the computation wait so far
 * @returns ms of each token but the first ones, which fill caches, and those in which it waited
 */
export function decode(
  model: Gpt,
  ids: readonly number[],
  { warmUp, waited }: { warmUp: number; waited: () => number },
): { times: number[]; waits: number[] } {
  const predictor = model.predictor();
  const cache = predictor.createCache();
  const times: number[] = [];
  const waits: number[] = [];
  for (const id of ids) {
    const before = waited();
    const start = performance.now();
    const scores = predictor.advance([{ ids: [id], cache, wantsScores: true }])!;
    scores.dataSync();
    scores.dispose();
    times.push(performance.now() - start);
    waits.push(waited() - before);
  }
  cache.dispose();
  return { times: times.slice(warmUp), waits: waits.slice(warmUp) };
}
