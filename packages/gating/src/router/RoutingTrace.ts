import { ArgumentError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import type { ResolvedRouter } from '../config/routerOptions.js';
import type { Routing } from '../Routing.js';

/** The choice that one layer made for each token: plain data, to be stored or sent. */
export interface RoutingTrace {
  numTokens: number;
  topK: number;
  /** (numTokens, topK), flat; -1 for a masked token. */
  experts: Int32Array;
}

/**
 * Records the choices of layers, for `RouteContext.replay`: training on what another engine has sampled needs its very
 * choices (Rollout Routing Replay, arXiv 2510.11370). Reads from the device.
 *
 * @returns one trace for each routing
 */
export function recordRouting(routings: readonly Pick<Routing, 'experts'>[]): Promise<RoutingTrace[]> {
  return Promise.all(
    routings.map(async ({ experts }) => {
      const [numTokens, topK] = experts.shape;
      return { numTokens, topK, experts: Int32Array.from(await experts.data()) };
    }),
  );
}

/** (T, k) int32. @throws ArgumentError where the trace is of other tokens or another router */
export function replayedChoice(trace: RoutingTrace, tokens: number, router: ResolvedRouter): tf.Tensor2D {
  const { topK, numExperts, numZeroExperts } = router;
  const { numTokens, experts } = trace;
  if (numTokens !== tokens || trace.topK !== topK || experts.length !== tokens * topK) {
    throw new ArgumentError(
      `replay: expected a trace of ${tokens} tokens with topK ${topK}, got ${numTokens} tokens with topK ${trace.topK} and ${experts.length} experts`,
    );
  }
  const all = numExperts + numZeroExperts;
  const wrong = experts.find((expert) => !(expert >= -1 && expert < all));
  if (wrong !== undefined) throw new ArgumentError(`replay: expected experts from 0 to ${all - 1}, got ${wrong}`);
  return tf.tensor2d(Int32Array.from(experts), [tokens, topK], 'int32');
}
