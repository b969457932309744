import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { decodeBackwardKernel, decodeKernel } from '../../ops/decode.js';
import { dispatchPlanKernel, type DispatchPlanAttributes } from '../../ops/dispatchPlan.js';
import { encodeBackwardKernel, encodeKernel } from '../../ops/encode.js';
import { routeBackwardKernel, routeKernel, type RouteAttributes } from '../../ops/route.js';
import { kernel } from '../kernel.js';

type Shape2D = [number, number];

function choiceOf(scores: TensorInfo, attributes: RouteAttributes) {
  const [tokens, numExperts] = scores.shape as Shape2D;
  const { topK, scoreFunction, normalizeWeights, routedScalingFactor } = attributes;
  const sigmoid = scoreFunction === 'sigmoid';
  return { tokens, numExperts, topK, sigmoid, normalize: normalizeWeights, scale: routedScalingFactor };
}

export const routingKernels = [
  kernel<{ logits: TensorInfo; bias?: TensorInfo; given?: TensorInfo; mask?: TensorInfo }, RouteAttributes>(
    routeKernel,
    (backend, { logits, bias, given, mask }, attributes) => {
      const choice = choiceOf(logits, attributes);
      const scores = backend.output(logits.shape);
      const weights = backend.output([choice.tokens, choice.topK]);
      const experts = backend.output([choice.tokens, choice.topK], 'int32');
      loadAddon().routeForward({
        ...choice,
        logits: backend.floats(logits),
        bias: bias && backend.floats(bias),
        given: given && backend.ints(given),
        mask: mask && (backend.values(mask) as Uint8Array),
        scores: backend.floats(scores),
        weights: backend.floats(weights),
        experts: backend.ints(experts),
      });
      return [scores, weights, experts];
    },
  ),
  kernel<
    {
      scores: TensorInfo;
      weights: TensorInfo;
      experts: TensorInfo;
      dScores?: TensorInfo;
      dWeights?: TensorInfo;
    },
    RouteAttributes
  >(routeBackwardKernel, (backend, { scores, weights, experts, dScores, dWeights }, attributes) => {
    const dLogits = backend.output(scores.shape);
    loadAddon().routeBackward({
      ...choiceOf(scores, attributes),
      scores: backend.floats(scores),
      weights: backend.floats(weights),
      experts: backend.ints(experts),
      dScores: dScores && backend.floats(dScores),
      dWeights: dWeights && backend.floats(dWeights),
      dLogits: backend.floats(dLogits),
    });
    return dLogits;
  }),
  kernel<{ experts: TensorInfo; weights: TensorInfo; limit?: TensorInfo }, DispatchPlanAttributes>(
    dispatchPlanKernel,
    (backend, { experts, weights, limit }, { numExperts, numZeroExperts, capacity, dropPolicy, capacityOrder }) => {
      const [tokens, topK] = experts.shape as Shape2D;
      const all = numExperts + numZeroExperts;
      const slots = backend.output([tokens, topK], 'int32');
      const counts = backend.output([numExperts], 'int32');
      const load = backend.output([all], 'int32');
      const firstLoad = backend.output([all], 'int32');
      loadAddon().dispatchPlan({
        tokens,
        topK,
        numExperts,
        numZeroExperts,
        capacity,
        byProbability: dropPolicy === 'probability',
        choiceFirst: capacityOrder === 'choice',
        limit: limit && backend.ints(limit),
        experts: backend.ints(experts),
        weights: backend.floats(weights),
        slots: backend.ints(slots),
        counts: backend.ints(counts),
        load: backend.ints(load),
        firstLoad: backend.ints(firstLoad),
      });
      return [slots, counts, load, firstLoad];
    },
  ),
  kernel<{ x: TensorInfo; slots: TensorInfo }, { numRows: number }>(
    encodeKernel,
    (backend, { x, slots }, { numRows }) => {
      const [tokens, topK] = slots.shape as Shape2D;
      const d = x.shape[1]!;
      const rows = backend.output([numRows, d]);
      loadAddon().encodeForward({
        tokens,
        topK,
        d,
        numRows,
        slots: backend.ints(slots),
        x: backend.floats(x),
        rows: backend.floats(rows),
      });
      return rows;
    },
  ),
  kernel<{ dOut: TensorInfo; slots: TensorInfo }>(encodeBackwardKernel, (backend, { dOut, slots }) => {
    const [tokens, topK] = slots.shape as Shape2D;
    const [numRows, d] = dOut.shape as Shape2D;
    const dx = backend.output([tokens, d]);
    loadAddon().encodeBackward({
      tokens,
      topK,
      d,
      numRows,
      slots: backend.ints(slots),
      dRows: backend.floats(dOut),
      dx: backend.floats(dx),
    });
    return dx;
  }),
  kernel<{ rows: TensorInfo; weights: TensorInfo; slots: TensorInfo }>(
    decodeKernel,
    (backend, { rows, weights, slots }) => {
      const [tokens, topK] = slots.shape as Shape2D;
      const [numRows, d] = rows.shape as Shape2D;
      const y = backend.output([tokens, d]);
      loadAddon().decodeForward({
        tokens,
        topK,
        d,
        numRows,
        slots: backend.ints(slots),
        rows: backend.floats(rows),
        weights: backend.floats(weights),
        y: backend.floats(y),
      });
      return y;
    },
  ),
  kernel<{ dOut: TensorInfo; rows: TensorInfo; weights: TensorInfo; slots: TensorInfo }>(
    decodeBackwardKernel,
    (backend, { dOut, rows, weights, slots }) => {
      const [tokens, topK] = slots.shape as Shape2D;
      const [numRows, d] = rows.shape as Shape2D;
      const dRows = backend.output(rows.shape);
      const dWeights = backend.output(weights.shape);
      loadAddon().decodeBackward({
        tokens,
        topK,
        d,
        numRows,
        slots: backend.ints(slots),
        dy: backend.floats(dOut),
        rows: backend.floats(rows),
        weights: backend.floats(weights),
        dRows: backend.floats(dRows),
        dWeights: backend.floats(dWeights),
      });
      return [dRows, dWeights];
    },
  ),
];
