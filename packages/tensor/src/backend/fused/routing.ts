import type { TensorInfo } from '@tensorflow/tfjs';

import { loadAddon } from '../../addon/loadAddon.js';
import { decodeGradKernel, decodeKernel } from '../../ops/decode.js';
import { dispatchPlanKernel, type DispatchPlanAttributes } from '../../ops/dispatchPlan.js';
import { encodeGradKernel, encodeKernel } from '../../ops/encode.js';
import { routeGradKernel, routeKernel, type RouteAttributes } from '../../ops/route.js';
import { kernel } from '../kernel.js';

type Floats = Float32Array;
type Ints = Int32Array;
interface Functions {
  routeForward: (
    tokens: number,
    numExperts: number,
    topK: number,
    sigmoid: boolean,
    normalize: boolean,
    scale: number,
    logits: Floats,
    bias: Floats | undefined,
    given: Ints | undefined,
    scores: Floats,
    weights: Floats,
    experts: Ints,
  ) => void;
  routeBackward: (
    tokens: number,
    numExperts: number,
    topK: number,
    sigmoid: boolean,
    normalize: boolean,
    scale: number,
    scores: Floats,
    weights: Floats,
    experts: Ints,
    dScores: Floats | undefined,
    dWeights: Floats | undefined,
    dLogits: Floats,
  ) => void;
  dispatchPlan: (
    tokens: number,
    topK: number,
    numExperts: number,
    numZeroExperts: number,
    capacity: number,
    byProbability: boolean,
    choiceFirst: boolean,
    experts: Ints,
    weights: Floats,
    slots: Ints,
    counts: Ints,
    load: Ints,
    firstLoad: Ints,
  ) => void;
  encodeForward: (
    tokens: number,
    topK: number,
    d: number,
    numRows: number,
    x: Floats,
    slots: Ints,
    rows: Floats,
  ) => void;
  encodeBackward: (tokens: number, topK: number, d: number, dRows: Floats, slots: Ints, dx: Floats) => void;
  decodeForward: (
    tokens: number,
    topK: number,
    d: number,
    numRows: number,
    rows: Floats,
    weights: Floats,
    slots: Ints,
    y: Floats,
  ) => void;
  decodeBackward: (
    tokens: number,
    topK: number,
    d: number,
    numRows: number,
    dy: Floats,
    rows: Floats,
    weights: Floats,
    slots: Ints,
    dRows: Floats,
    dWeights: Floats,
  ) => void;
}
type Shape2D = [number, number];

export const routingKernels = [
  kernel<{ logits: TensorInfo; bias?: TensorInfo; given?: TensorInfo }, RouteAttributes>(
    routeKernel,
    (backend, { logits, bias, given }, attributes) => {
      const [tokens, numExperts] = logits.shape as Shape2D;
      const { topK, scoreFunction, normalizeWeights, routedScalingFactor } = attributes;
      const scores = backend.output(logits.shape);
      const weights = backend.output([tokens, topK]);
      const experts = backend.output([tokens, topK], 'int32');
      loadAddon<Functions>().routeForward(
        tokens,
        numExperts,
        topK,
        scoreFunction === 'sigmoid',
        normalizeWeights,
        routedScalingFactor,
        backend.floats(logits),
        bias && backend.floats(bias),
        given && backend.ints(given),
        backend.floats(scores),
        backend.floats(weights),
        backend.ints(experts),
      );
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
  >(routeGradKernel, (backend, { scores, weights, experts, dScores, dWeights }, attributes) => {
    const [tokens, numExperts] = scores.shape as Shape2D;
    const { topK, scoreFunction, normalizeWeights, routedScalingFactor } = attributes;
    const dLogits = backend.output(scores.shape);
    loadAddon<Functions>().routeBackward(
      tokens,
      numExperts,
      topK,
      scoreFunction === 'sigmoid',
      normalizeWeights,
      routedScalingFactor,
      backend.floats(scores),
      backend.floats(weights),
      backend.ints(experts),
      dScores && backend.floats(dScores),
      dWeights && backend.floats(dWeights),
      backend.floats(dLogits),
    );
    return dLogits;
  }),
  kernel<{ experts: TensorInfo; weights: TensorInfo }, DispatchPlanAttributes>(
    dispatchPlanKernel,
    (backend, { experts, weights }, { numExperts, numZeroExperts, capacity, dropPolicy, capacityOrder }) => {
      const [tokens, topK] = experts.shape as Shape2D;
      const integers = (...shape: number[]) => backend.output(shape, 'int32');
      const all = numExperts + numZeroExperts;
      const outputs = [integers(tokens, topK), integers(numExperts), integers(all), integers(all)];
      const [slots, counts, load, firstLoad] = outputs.map((tensor) => backend.ints(tensor)) as [
        Ints,
        Ints,
        Ints,
        Ints,
      ];
      loadAddon<Functions>().dispatchPlan(
        tokens,
        topK,
        numExperts,
        numZeroExperts,
        capacity,
        dropPolicy === 'probability',
        capacityOrder === 'choice',
        backend.ints(experts),
        backend.floats(weights),
        slots,
        counts,
        load,
        firstLoad,
      );
      return outputs;
    },
  ),
  kernel<{ x: TensorInfo; slots: TensorInfo }, { numRows: number }>(
    encodeKernel,
    (backend, { x, slots }, { numRows }) => {
      const [tokens, topK] = slots.shape as Shape2D;
      const d = x.shape[1]!;
      const rows = backend.output([numRows, d]);
      const { encodeForward } = loadAddon<Functions>();
      encodeForward(tokens, topK, d, numRows, backend.floats(x), backend.ints(slots), backend.floats(rows));
      return rows;
    },
  ),
  kernel<{ dOut: TensorInfo; slots: TensorInfo }>(encodeGradKernel, (backend, { dOut, slots }) => {
    const [tokens, topK] = slots.shape as Shape2D;
    const d = dOut.shape[1]!;
    const dx = backend.output([tokens, d]);
    const { encodeBackward } = loadAddon<Functions>();
    encodeBackward(tokens, topK, d, backend.floats(dOut), backend.ints(slots), backend.floats(dx));
    return dx;
  }),
  kernel<{ rows: TensorInfo; weights: TensorInfo; slots: TensorInfo }>(
    decodeKernel,
    (backend, { rows, weights, slots }) => {
      const [tokens, topK] = slots.shape as Shape2D;
      const [numRows, d] = rows.shape as Shape2D;
      const y = backend.output([tokens, d]);
      loadAddon<Functions>().decodeForward(
        tokens,
        topK,
        d,
        numRows,
        backend.floats(rows),
        backend.floats(weights),
        backend.ints(slots),
        backend.floats(y),
      );
      return y;
    },
  ),
  kernel<{ dOut: TensorInfo; rows: TensorInfo; weights: TensorInfo; slots: TensorInfo }>(
    decodeGradKernel,
    (backend, { dOut, rows, weights, slots }) => {
      const [tokens, topK] = slots.shape as Shape2D;
      const [numRows, d] = rows.shape as Shape2D;
      const dRows = backend.output(rows.shape);
      const dWeights = backend.output(weights.shape);
      loadAddon<Functions>().decodeBackward(
        tokens,
        topK,
        d,
        numRows,
        backend.floats(dOut),
        backend.floats(rows),
        backend.floats(weights),
        backend.ints(slots),
        backend.floats(dRows),
        backend.floats(dWeights),
      );
      return [dRows, dWeights];
    },
  ),
];
