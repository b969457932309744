import { ArgumentError } from '@scmoe/errors';
import { route, stopGradient, type Route, type Seed } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { expertCapacity } from './config/expertCapacity.js';
import type { ResolvedRouter } from './config/routerOptions.js';
import { routerSpecs } from './config/routerSpecs.js';
import { balancedChoice, chooseExperts, everyExpert } from './router/chooseExperts.js';
import { routerLogits } from './router/routerLogits.js';
import { replayedChoice, type RoutingTrace } from './router/RoutingTrace.js';
import { sparseMix } from './router/sparseMixer.js';
import type { Routing } from './Routing.js';

/** What is not the router's own, but of this call. */
export interface RouteContext {
  /** Switches noise and jitter on. */
  training?: boolean;
  /** Seed of noise and jitter: the same seed and stream give the same numbers. */
  seed?: Seed;
  /** The first of the `routerStreams` streams of this layer. */
  stream?: number;
  /** (T, M) standard normal numbers for a noisy router, in training or not, in place of drawn ones. */
  noise?: tf.Tensor2D;
  /** Choose what was chosen then; weights and their gradients are those of the present scores. */
  replay?: RoutingTrace;
  /** (T, 1) int32: the expert that a token may not choose, because it has it already (DGMoE). */
  excluded?: tf.Tensor2D;
  /**
   * (T) bool: false for a token that is padding. It chooses nobody, so that it takes no slot and counts in no loss,
   * statistic or correction bias; and no more slots are filled than the tokens alone would have had.
   */
  mask?: tf.Tensor;
  /** Keep every choice, whatever the capacity factor. */
  dropless?: boolean;
}

/**
 * Which experts each token goes to, with what weight, into which slot. Logits, scores and weights are float32 whatever
 * the precision. Gradients flow through `weights`, `scores`, `logits` and `identityWeights`.
 *
 * @param tokens (T, d), also of no token
 * @param parameters those of `routerSpecs(d, router)`
 * @throws ArgumentError naming the argument that does not fit
 */
export function routeTokens(
  tokens: tf.Tensor,
  parameters: Record<string, tf.Tensor>,
  router: ResolvedRouter,
  context: RouteContext = {},
): Routing {
  check(tokens, parameters, router, context);
  return tf.tidy(() => {
    const numTokens = tokens.shape[0];
    const { routing, scoreFunction, numExperts, numZeroExperts, topK } = router;
    const { mask } = context;
    const made = routerLogits(tokens as tf.Tensor2D, parameters, router, context);
    const capacity = context.dropless ? 0 : expertCapacity({ ...router, numTokens });
    const slots = { capacity, limit: mask && capacity > 0 ? filledSlots(mask, router) : undefined };
    const result =
      routing === 'expertChoice'
        ? chosenByExperts(made.logits, router, { ...slots, mask })
        : chosenByTokens(made.logits, parameters, router, context, slots);
    const identityWeights = numZeroExperts > 0 ? weightsOfZeroExperts(result, router) : undefined;
    const numRows = capacity > 0 ? numExperts * capacity : numTokens * topK;
    return {
      ...made,
      ...result,
      scoreFunction,
      capacity,
      numRows,
      ...(identityWeights && { identityWeights }),
      ...(mask && { mask: tf.clone(mask as tf.Tensor1D) }),
    };
  });
}

interface Slots {
  capacity: number;
  limit?: tf.Tensor;
}

/** Slots of each expert that the tokens alone would have had: one int32, which the host never reads. */
function filledSlots(mask: tf.Tensor, router: ResolvedRouter): tf.Tensor {
  const ofCount = Int32Array.from({ length: mask.size + 1 }, (_, numTokens) =>
    expertCapacity({ ...router, numTokens }),
  );
  return tf.gather(tf.tensor1d(ofCount, 'int32'), tf.sum(tf.cast(mask, 'int32')));
}

function chosenByTokens(
  logits: tf.Tensor2D,
  parameters: Record<string, tf.Tensor>,
  router: ResolvedRouter,
  context: RouteContext,
  slots: Slots,
): Route {
  if (router.sparseMixer !== undefined) return mixedSparsely(logits, router, context, slots);
  const bias = router.correctionBias ? parameters['correctionBias'] : undefined;
  const experts = choiceOf(logits, router, context, bias);
  const { mask } = context;
  return route(logits, { ...router, ...slots, mask, experts, correctionBias: experts ? undefined : bias });
}

/** Choice and weights of SparseMixer; scores, which losses read, are the softmax over all experts. */
function mixedSparsely(logits: tf.Tensor2D, router: ResolvedRouter, context: RouteContext, slots: Slots): Route {
  const { mask, replay } = context;
  const given = replay && replayedChoice(replay, logits.shape[0], router);
  const { experts, weights } = sparseMix(logits, router, context, given);
  const result = route(logits, { ...router, ...slots, mask, experts, correctionBias: undefined });
  const scaled: tf.Tensor2D = router.routedScalingFactor === 1 ? weights : tf.mul(weights, router.routedScalingFactor);
  return { ...result, weights: mask ? tf.where(tf.expandDims(mask, 1), scaled, 0) : scaled };
}

/** The choice where it is not just the k largest of score + bias, which the kernel makes itself. */
function choiceOf(
  logits: tf.Tensor2D,
  router: ResolvedRouter,
  { replay, excluded, mask }: RouteContext,
  bias?: tf.Tensor,
): tf.Tensor2D | undefined {
  const tokens = logits.shape[0];
  if (replay) return replayedChoice(replay, tokens, router);
  if (router.forcedBalance) return balancedChoice(tokens, router, mask);
  if (excluded || router.numGroups > 1) return chooseExperts(logits, router, { bias, excluded });
  return undefined;
}

/**
 * Every expert takes the `capacity` tokens that score highest with it (Zhou et al., arXiv 2202.09368, section 3.2): all
 * experts are choices of all tokens, of which an expert drops all but its best.
 */
function chosenByExperts(
  logits: tf.Tensor2D,
  router: ResolvedRouter,
  slots: Slots & Pick<RouteContext, 'mask'>,
): Route {
  const { numExperts, scoreFunction, routedScalingFactor } = router;
  const result = route(logits, {
    topK: numExperts,
    scoreFunction,
    normalizeWeights: false,
    routedScalingFactor,
    experts: everyExpert(logits.shape[0], router),
    ...slots,
    dropPolicy: 'probability',
    capacityOrder: 'token',
  });
  // Nobody asked for what was not taken.
  return { ...result, load: tf.clone(result.counts), firstLoad: tf.clone(result.counts) };
}

/** (T, 1) */
function weightsOfZeroExperts(
  { weights, experts }: Route,
  { numExperts, routedScalingFactor, scaleZeroExperts }: ResolvedRouter,
): tf.Tensor2D {
  const isZero = tf.cast(tf.greaterEqual(stopGradient(experts), tf.scalar(numExperts, 'int32')), 'float32');
  const sum: tf.Tensor2D = tf.sum(tf.mul(weights, isZero), 1, true);
  return scaleZeroExperts || routedScalingFactor === 1 ? sum : tf.div(sum, routedScalingFactor);
}

function check(
  tokens: tf.Tensor,
  parameters: Record<string, tf.Tensor>,
  router: ResolvedRouter,
  { replay, excluded, dropless, mask }: RouteContext,
): void {
  const shape = (x: tf.Tensor) => `(${x.shape.join(', ')})`;
  if (tokens.rank !== 2) throw new ArgumentError(`tokens: expected (tokens, d), got ${shape(tokens)}`);
  for (const [name, spec] of Object.entries(routerSpecs(tokens.shape[1]!, router))) {
    const parameter = parameters[name];
    if (parameter?.shape.join() === spec.shape.join()) continue;
    const expected = `expected (${spec.shape.join(', ')})`;
    if (!parameter) throw new ArgumentError(`parameter 'router.${name}' is missing: ${expected}`);
    throw new ArgumentError(`parameter 'router.${name}': ${expected}, got ${shape(parameter)}`);
  }
  const { routing, topK, numExperts, numZeroExperts } = router;
  if (routing === 'expertChoice') {
    const given = Object.entries({ replay, excluded, dropless }).find(([, value]) => value !== undefined && value);
    if (given) throw new ArgumentError(`${given[0]}: expected none with routing 'expertChoice'`);
  }
  if (mask && (mask.dtype !== 'bool' || mask.shape.join() !== String(tokens.shape[0])))
    throw new ArgumentError(`mask: expected bool (${tokens.shape[0]}), got ${mask.dtype} ${shape(mask)}`);
  if (!excluded) return;
  if (excluded.dtype !== 'int32' || excluded.shape.join() !== [tokens.shape[0], 1].join())
    throw new ArgumentError(
      `excluded: expected int32 (${tokens.shape[0]}, 1), got ${excluded.dtype} ${shape(excluded)}`,
    );
  if (router.sparseMixer !== undefined) throw new ArgumentError('excluded: expected none with sparseMixer');
  if (topK >= numExperts + numZeroExperts)
    throw new ArgumentError(`excluded: expected topK < ${numExperts + numZeroExperts} experts, got ${topK}`);
  if (replay || router.forcedBalance)
    throw new ArgumentError(`excluded: expected none with ${replay ? 'replay' : 'forcedBalance'}`);
}
